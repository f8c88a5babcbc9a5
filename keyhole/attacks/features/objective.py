"""The terms of Eq. 6 of the feature-inversion paper: distance between features, smoothness of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_MATCHED = 1e-4  # relative distance below which a match is good enough
_CORNER = 1 / 3  # of the noise's share: width of the corner
_FLAT = 1e-3  # gradients below this, in picture units, cost next to nothing
_BUSY = 0.3  # variation above which more of it costs less and less; photographs have 0.1 to 0.4


def squared_distance(features: Sequence[Tensor], observed: Sequence[Tensor]) -> Tensor:
    """‖F₁(x) − z‖² of Algorithm 1, one number per picture; live tensors are summed.

    Args:
        features: of the candidate pictures, N×… each.
        observed: of the frames, in the same order.
    """
    return torch.stack(
        [(ours - theirs).square().flatten(1).sum(1) for ours, theirs in zip(features, observed, strict=True)]
    ).sum(0)


def relative_distance(features: Sequence[Tensor], observed: Sequence[Tensor]) -> Tensor:
    """Mean over the live tensors of ‖F₁(x) − z‖² / ‖z‖², one number per picture; near 1 for a grey picture."""
    shares = [
        (ours - theirs).square().flatten(1).sum(1) / theirs.square().flatten(1).sum(1).clamp_min(1e-12)
        for ours, theirs in zip(features, observed, strict=True)
    ]
    return torch.stack(shares).mean(0)


def as_it_is(distances: Tensor, _unexplained: Tensor) -> Tensor:
    """The distances."""
    return distances


def logarithm(distances: Tensor, unexplained: Tensor) -> Tensor:
    """Logarithm of what a `relative_distance` is above that of the true picture, one number per picture.

    What is left of the distance at the end differs tenfold between cuts and between pictures, and the smoothness should
    weigh in proportion to it. The gradient of the logarithm is the distance's over the distance: one weight serves all
    cuts, and the smoothness leads at first and yields as the features come to match. Noise keeps a distance large to
    the end, so that the smoothness would never yield; its share is taken off, with a soft corner where the distance
    comes to it: below, there is only noise to fit.

    Args:
        distances: N.
        unexplained: of them, by the true picture's features; N.
    """
    above = distances - unexplained
    above = (above + (above.square() + (_CORNER * unexplained).square()).sqrt()) / 2
    return (above + _MATCHED).log()


def matching_distance(features: Sequence[Tensor], observed: Sequence[Tensor]) -> Tensor:
    """Mean over the live tensors of `relative_distance`, or for tokens N×T×C of 1 − cosine, averaged over the tokens;
    one number per picture. Tokens are compared by direction because their lengths differ by orders of magnitude.
    """
    return torch.stack(
        [
            1 - F.cosine_similarity(ours, theirs, dim=2).mean(1)
            if ours.dim() == 3
            else relative_distance([ours], [theirs])
            for ours, theirs in zip(features, observed, strict=True)
        ]
    ).mean(0)


def total_variation(pictures: Tensor) -> Tensor:
    """Eq. 7: squared differences between neighbours over the number of pixels MN, one number per picture.

    The paper writes it for one channel; a colour pixel's |x − x'|² is taken as the squared norm of the RGB difference,
    so that the channels add up.

    Args:
        pictures: N×3×M×N.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])).item()
    3.5
    """
    height, width = pictures.shape[-2:]
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).square().flatten(1).sum(1)
    across = (pictures[..., :, 1:] - pictures[..., :, :-1]).square().flatten(1).sum(1)
    return (down + across) / (height * width)


def isotropic_variation(pictures: Tensor) -> Tensor:
    """Σ √(|∂x|² + |∂y|² + ε²) over pixels and channels, over MN: keeps edges that Eq. 7 would blur.

    Args:
        pictures: N×3×M×N.

    Returns:
        One number per picture.
    """
    height, width = pictures.shape[-2:]
    across = F.pad(pictures[..., :, 1:] - pictures[..., :, :-1], (0, 1))
    down = F.pad(pictures[..., 1:, :] - pictures[..., :-1, :], (0, 0, 0, 1))
    length = (across.square() + down.square() + _FLAT**2).sqrt()
    return length.flatten(1).sum(1) / (height * width)


def forgiving_variation(pictures: Tensor) -> Tensor:
    """b·ln(1 + v/b) of the `isotropic_variation` v: what varies much already may vary more at little cost.

    A weight that keeps noise out of a smooth picture makes a busy one, such as leaves, flat: there the features would
    have to match better than they can before its variation pays.

    Args:
        pictures: N×3×M×N.

    Returns:
        One number per picture.
    """
    return _BUSY * torch.log1p(isotropic_variation(pictures) / _BUSY)
