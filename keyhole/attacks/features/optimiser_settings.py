"""How the white-box optimiser is run: hyper-parameters as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from keyhole.attacks.features.objective import (
    as_it_is,
    forgiving_variation,
    logarithm,
    relative_distance,
    squared_distance,
    total_variation,
)

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
class Recipe:
    """Minimise ``distance + weight × smoothness`` (Eq. 6) with Adam.

    Attributes:
        iterations: steps, unless the clock ends them.
        learning_rate: of Adam at the peak of its schedule, in the units of the variable.
        distance: L_re between the features of the candidate and of the frame.
        smoothness: the prior.
        weight: λ_s of the smoothness.
        betas: decay rates of Adam's moments.
        warm_up: iterations over which the learning rate rises.
        rate: schedule of the learning rate.
        relaxation: schedule of how much of the head's relaxation is in force (`keyhole.attacks.features.relaxed`).
        sampling_steps: of the diffusion, where the generator has one.
        patience: iterations without features that match better, after which it stops; None: it does not.
        scale: on which the distance is minimised, given what of it the true picture's features leave.
    """

    iterations: int
    learning_rate: float
    distance: Distance
    smoothness: Smoothness
    weight: Weight
    betas: tuple[float, float] = (0.9, 0.999)
    warm_up: int = 0
    rate: Schedule = constant
    relaxation: Schedule = never
    sampling_steps: int = 20
    patience: int | None = None
    scale: Scale = as_it_is


PAPER = Recipe(
    iterations=1500, learning_rate=0.1, distance=squared_distance, smoothness=total_variation, weight=fixed(1.0)
)
"""Algorithm 1 as the feature-inversion paper runs it (§6.1), whatever the generator."""

STRONG = Recipe(
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

NOISE = replace(LATENT, learning_rate=0.05, sampling_steps=4)
"""For the noise before a sampler (`keyhole.generators.diffusion.Diffusion`): 600 U-Net passes, against the paper's
30,000, and few enough steps that every one of them learns from the features."""
