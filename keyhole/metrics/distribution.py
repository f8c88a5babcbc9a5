"""What sets of embeddings and of logits say, whichever network they come from."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def frechet_distance(first: Tensor, second: Tensor) -> Tensor:
    """Squared Fréchet distance between the Gaussians fitted to two sets of embeddings (Heusel et al. 2017, equation 6).

    ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½) with unbiased covariances, computed in double precision. The trace of the root
    is the sum of singular values of R₁R₂ᵀ, where RᵀR = Σ, which holds for singular covariances too.

    Args:
        first: N×D, at least two.
        second: M×D, at least two.

    Returns:
        A scalar; 0 where both sets have the same mean and covariance. It falls as the sets grow: compare equal sizes.

    Raises:
        ValueError: not N×D and M×D with N, M ≥ 2, or a value is not finite.
    """
    for embeddings in (first, second):
        if embeddings.dim() != 2 or len(embeddings) < 2 or embeddings.shape[1] != first.shape[-1]:
            raise ValueError(
                f"two sets of two or more embeddings of one length, not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        if not embeddings.isfinite().all():
            raise ValueError("embeddings are not finite")
    (mean_1, root_1), (mean_2, root_2) = _gaussian(first.double()), _gaussian(second.double())
    traces = root_1.square().sum() + root_2.square().sum()
    distance = (mean_1 - mean_2).square().sum() + traces - 2 * torch.linalg.svdvals(root_1 @ root_2.T).sum()
    return torch.as_tensor(distance.clamp_min(0))


def inception_score_of_logits(logits: Tensor, splits: int = 1) -> Tensor:
    """Inception Score, exp of the mean KL divergence of p(y|x) from p(y) (Salimans et al. 2016, section 4).

    Args:
        logits: N×C, of the classes.
        splits: parts, in the order given, whose scores are averaged. Papers with tens of thousands of pictures take 10.

    Returns:
        A scalar from 1 (all pictures alike, or no class preferred) to C.

    Raises:
        ValueError: not N×C, fewer pictures than splits, or a value is not finite.
    """
    if logits.dim() != 2 or not 1 <= splits <= len(logits):
        raise ValueError(f"{tuple(logits.shape)} logits, N×C, do not make {splits} splits")
    if not logits.isfinite().all():
        raise ValueError("logits are not finite")
    return torch.stack([_score(part) for part in logits.double().tensor_split(splits)]).mean()


def _gaussian(embeddings: Tensor) -> tuple[Tensor, Tensor]:
    mean = embeddings.mean(dim=0)
    root = torch.linalg.qr((embeddings - mean) / (len(embeddings) - 1) ** 0.5, mode="r").R
    return mean, root


def _score(logits: Tensor) -> Tensor:
    conditional = logits.log_softmax(dim=1)
    marginal = conditional.logsumexp(dim=0) - math.log(len(logits))
    return (conditional.exp() * (conditional - marginal)).sum(dim=1).mean().exp()
