"""White box from direct optimisation: pixels first, then the latent of their picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from keyhole.attacks.base import Budget, Estimate, Observation
from keyhole.attacks.features.white_box import Optimiser
from keyhole.generators.base import LatentCoordinates

_FIRST = 0.5
"""Share of a frame's time that goes to the pixels."""


@dataclass(frozen=True)
class Seeded:
    """Pixels are optimised; the autoencoder takes their picture to what it can show, which drops what the features did
    not determine; from there the latent is optimised.

    A step of pixels costs a fraction of a step through the decoder, and far from the truth it goes as far.

    Attributes:
        pixels: the first optimiser.
        latents: the second one; its generator is ``generator``.
        generator: in whose coordinates the latent is optimised.
        budget: per call, of both; pixels get the share of the iterations that their recipe has of both recipes'.
    """

    pixels: Optimiser
    latents: Optimiser
    generator: LatentCoordinates
    budget: Budget

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Iterations and passes go on from one to the other.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        clock = self.latents.watch.clock
        started = clock()
        done, pictures = 0, torch.empty(0)
        for one in dataclasses.replace(self.pixels, budget=self._first).reconstruct(frames):
            done, pictures = one.iteration, one.pictures
            yield dataclasses.replace(one, final=False)
        with torch.no_grad():
            start = self.generator.variable(self.generator.encode(pictures.to(self.latents.known.device)))
        second = dataclasses.replace(self.latents, budget=self._second(clock() - started))
        for one in second.refine(frames, start):
            yield dataclasses.replace(one, iteration=done + one.iteration, seconds=clock() - started)

    @property
    def _first(self) -> Budget:
        ours, theirs = self.pixels.recipe.iterations, self.latents.recipe.iterations
        share = round(self.budget.iterations * ours / (ours + theirs))
        return Budget(max(1, min(share, self.budget.iterations)), _FIRST * self.budget.seconds)

    def _second(self, spent: float) -> Budget:
        left = self.budget.iterations - self._first.iterations
        return Budget(max(1, left), max(1e-3, self.budget.seconds - spent))
