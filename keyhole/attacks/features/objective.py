"""The white-box objective (Eq. 4, 6, 7 of the feature-inversion paper) and the settings that it is minimised with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.attacks.features.coupling import Coupling

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


Distance = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
Scale = Callable[[Tensor, Tensor], Tensor]
Smoothness = Callable[[Tensor], Tensor]
Schedule = Callable[[float], float]
"""From the share of the budget that is spent, 0 … 1, to a factor."""


Weight = Callable[[int, int], float]
"""λ_s, from how many numbers a picture and its payload have."""


def fixed(weight: float) -> Weight:
    """λ_s = ``weight``, whatever the sizes."""
    return lambda _picture, _payload: weight


def per_number(weight: float) -> Weight:
    """λ_s in proportion to the numbers of the picture for each number of the payload: what is not seen is assumed."""
    return lambda picture, payload: weight * picture / payload


def constant(_progress: float) -> float:
    """1."""
    return 1.0


def never(_progress: float) -> float:
    """0."""
    return 0.0


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def falling(progress: float) -> float:
    """From 1 to 0, by equal differences."""
    return 1 - progress


@dataclass(frozen=True)
class OptimiserSettings:
    """Minimise ``distance + weight × smoothness`` (Eq. 6) with Adam.

    Attributes:
        iterations: steps, unless the clock ends them.
        learning_rate: of Adam at the peak of its schedule, in the units of the variable.
        distance: L_re between the features of the candidate and of the frame.
        smoothness: the prior.
        weight: λ_s of the smoothness.
        betas: decay rates of Adam's moments.
        epsilon: of Adam's denominator.
        amsgrad: whether Adam's second moment never falls.
        warm_up: iterations over which the learning rate rises.
        rate: schedule of the learning rate.
        relaxation: schedule of how much of the head's relaxation is in force (`keyhole.attacks.features.relaxed`).
        sampling_steps: of the diffusion, where the generator has one.
        patience: iterations without features that match better, after which it stops; None: it does not.
        scale: on which the distance is minimised, given what of it the true picture's features leave.
        coupling: of the frames of a clip, from how many there are; None: each picture is by itself.
    """

    iterations: int
    learning_rate: float
    distance: Distance
    smoothness: Smoothness
    weight: Weight
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    amsgrad: bool = False
    warm_up: int = 0
    rate: Schedule = constant
    relaxation: Schedule = never
    sampling_steps: int = 20
    patience: int | None = None
    scale: Scale = as_it_is
    coupling: Coupling | None = None


PAPER = OptimiserSettings(
    iterations=1500, learning_rate=0.1, distance=squared_distance, smoothness=total_variation, weight=fixed(1.0)
)
"""Algorithm 1 as the feature-inversion paper runs it (§6.1), whatever the generator."""

STRONG = OptimiserSettings(
    iterations=1500,
    learning_rate=0.15,
    distance=relative_distance,
    scale=logarithm,
    smoothness=forgiving_variation,
    weight=per_number(9.0),
    betas=(0.95, 0.99),
    warm_up=10,
    rate=cosine,
    relaxation=falling,
)
"""For a variable in white coordinates (`keyhole.generators.pixels.SpectralPixels`)."""

SEED = replace(STRONG, iterations=450)
"""The same, before the latent of its picture is optimised."""

LATENT = replace(STRONG, iterations=150, learning_rate=0.2, relaxation=never)
"""For a latent in white coordinates (`keyhole.generators.latents.WhiteLatents`) that starts near the truth."""

DENOISED = replace(LATENT, weight=per_number(5.0))
"""For the same latent with a diffusion model to hold it (`denoising.Denoising`): less is left to
assume."""

REFINING = replace(LATENT, iterations=100, patience=30)
"""For a latent that a network has found, in the same coordinates: an end when the features match no better."""

UNTRAINED = replace(
    STRONG, iterations=600, learning_rate=0.01, betas=(0.9, 0.999), weight=per_number(3.0), warm_up=0, patience=150
)
"""For the weights of an untrained network (`keyhole.generators.untrained.DeepImagePrior`): its structure is most of the
prior, and a third of the smoothness is left. The early end is by the features alone."""

PUBLISHED_UNTRAINED = replace(PAPER, iterations=3100, learning_rate=0.001, weight=fixed(0.0))
"""For the same weights as the deep image prior's authors invert features: ‖Φ(x) − z‖², 3,100 steps of plain Adam."""

NOISE = replace(LATENT, learning_rate=0.05, sampling_steps=4)
"""For the noise before a sampler (`keyhole.generators.diffusion.Diffusion`): 600 U-Net passes, against the paper's
30,000, and few enough steps that every one of them learns from the features."""
