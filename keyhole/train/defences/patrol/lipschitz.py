"""The block-wise local Lipschitz loss (Eqs. 4 to 6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from keyhole.partition.model_survey import Survey


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


def block_ends(surveyed: Survey, cut: str) -> tuple[str, ...]:
    """Where the blocks of the head that ends at ``cut`` end; the last is ``cut`` itself, by its own path.

    PATROL speaks of four residual blocks of ResNet-18 and gives four weights α: these are its stages ``layer1`` to
    ``layer4`` (elsewhere it counts eight convolution blocks, two to a stage). So blocks are the stages, what comes
    before the first belonging to it. Of a network with one stack of modules, such as a transformer, they are the
    stack's modules; of one without any, its modules that have modules.

    Raises:
        CutError: no such cut.
    """
    last = surveyed.index(cut)
    children = dict(surveyed.model.named_children())
    stages = [name for name, child in children.items() if isinstance(child, nn.Sequential) and _holds_modules(child)]
    if len(stages) == 1:
        stages = [f"{stages[0]}.{name}" for name, _ in children[stages[0]].named_children()]
    if not stages:
        stages = [name for name, child in children.items() if next(child.children(), None) is not None]
    ends = [surveyed.name(surveyed.ends[path]) for path in stages if surveyed.ends.get(path, last) < last]
    return (*ends, surveyed.name(last))


def _holds_modules(stack: nn.Sequential) -> bool:
    return any(next(child.children(), None) is not None for child in stack)
