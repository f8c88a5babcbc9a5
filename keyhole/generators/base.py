"""The interface of generators, which turn an optimised variable into pictures."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


class Generator(Protocol):
    """D of the feature-inversion paper (Eq. 6): turns a variable into pictures, differentiably."""

    @property
    def passes(self) -> int:
        """U-Net passes that one call spends on each picture."""
        ...

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """A first variable for ``count`` pictures; dimension 0 is the batch."""
        ...

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W of a variable; values may leave [0, 1] slightly."""
        ...


@runtime_checkable
class LatentGenerator(Generator, Protocol):
    """A generator that makes pictures through the latents of an autoencoder."""

    def latents(self, variable: Tensor) -> Tensor:
        """The latents N×C×h×w that a variable leads to, differentiably."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures N×3×H×W of latents: ``generator(v) == generator.decode(generator.latents(v))``."""
        ...

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of RGB pictures N×3×H×W in [0, 1]."""
        ...


class LatentCoordinates(LatentGenerator, Protocol):
    """A generator whose variable is the latent, in some coordinates."""

    def variable(self, latents: Tensor) -> Tensor:
        """The variable that leads to latents N×C×h×w: ``generator.latents(generator.variable(z)) == z``."""
        ...


def with_latents(generator: Generator) -> LatentGenerator:
    """The generator, which makes pictures through latents.

    Raises:
        TypeError: it does not.
    """
    if not isinstance(generator, LatentGenerator):
        raise TypeError(f"{type(generator).__name__} has no latents")
    return generator
