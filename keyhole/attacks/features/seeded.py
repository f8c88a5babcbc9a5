"""Two-stage optimisation, white box: pixels first, then the latent of their picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from keyhole.attacks.base import Budget, Estimate, Observation, RunSettings, WhiteBox
from keyhole.attacks.features.denoising import latent_attack
from keyhole.attacks.features.objective import OptimiserSettings
from keyhole.attacks.features.white_box import WhiteBoxAttack, white_box_attack
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.generators.base import Generator, LatentCoordinates

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

    pixels: WhiteBoxAttack
    latents: WhiteBoxAttack
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
        ours, theirs = self.pixels.settings.iterations, self.latents.settings.iterations
        share = round(self.budget.iterations * ours / (ours + theirs))
        return Budget(max(1, min(share, self.budget.iterations)), _FIRST * self.budget.seconds)

    def _second(self, spent: float) -> Budget:
        left = self.budget.iterations - self._first.iterations
        return Budget(max(1, left), max(1e-3, self.budget.seconds - spent))


@dataclass(frozen=True)
class SeededRecipe(WhiteBoxRecipe):
    """Optimise pixels, then the latent of their picture.

    Attributes:
        first: the hyper-parameters for pixels.
        pixels: their coordinates, from what is known.
        settings: the hyper-parameters for the latent.
        generator: in whose coordinates it is optimised, from what is known.
        denoised: whether a diffusion model holds it among latents of pictures meanwhile.
    """

    first: OptimiserSettings
    pixels: Callable[[WhiteBox], Generator]
    settings: OptimiserSettings
    generator: Callable[[WhiteBox], LatentCoordinates]
    denoised: bool = False

    @property
    def iterations(self) -> int:
        """Steps of both optimisers."""
        return self.first.iterations + self.settings.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Seeded:
        """The attack with its two optimisers."""
        generator = self.generator(known)
        latents = latent_attack(known, generator, self.settings, run, denoised=self.denoised)
        return Seeded(white_box_attack(known, self.pixels(known), self.first, run), latents, generator, run.budget)
