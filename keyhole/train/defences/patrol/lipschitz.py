"""The block-wise local Lipschitz loss (Eqs. 4 to 6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def constants(clean: Sequence[Tensor], noisy: Sequence[Tensor]) -> list[Tensor]:
    """k_i of each block: how much it stretches a perturbation of its input, in the 1-norm, at most over the batch.

    The supremum of Eqs. 4 and 5 is over all pictures x; a batch's maximum is what one step can see of it.

    Args:
        clean: the pictures, N×…, and what each block makes of them.
        noisy: the same for the perturbed pictures.

    Returns:
        N scalars for N blocks: Eq. 5 for the first, where the input's difference is the noise itself, Eq. 4 for the
        others.
    """
    moved = [(after - before).flatten(1).abs().sum(1) for before, after in zip(clean, noisy, strict=True)]
    return [(output / given.clamp_min(torch.finfo(given.dtype).tiny)).max() for given, output in pairwise(moved)]


def lipschitz_loss(stretches: Sequence[Tensor], alpha: Sequence[float]) -> Tensor:
    """Σ α_i k_i (Eq. 6).

    The paper gives four α for the four stages of ResNet-18. Of a head of more blocks, the others take the last α.

    Args:
        stretches: k_i.
        alpha: α_i, one or more.
    """
    weights = [*alpha, *[alpha[-1]] * len(stretches)]
    return torch.stack([weight * stretch for weight, stretch in zip(weights, stretches, strict=False)]).sum()


def random_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """δ of Algorithm 1, line 18: N(0, 1) for each number of the model's (normalised) input, of the shape of ``like``.

    Algorithm 1 draws it anew for each block. Here all blocks of a step share one draw: each k_i is distributed as with
    its own, and the head runs once instead of N times.
    """
    return torch.randn(like.shape, generator=generator).to(like)
