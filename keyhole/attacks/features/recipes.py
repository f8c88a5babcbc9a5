"""Recipes of attacks: how each is made from what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from keyhole.attacks.base import RunSettings
from keyhole.attacks.entry import BlackBoxRecipe, WhiteBoxRecipe
from keyhole.attacks.features.black_box import Inverter
from keyhole.attacks.features.denoising import Denoising
from keyhole.attacks.features.guided import Guidance, Guided
from keyhole.attacks.features.optimiser_settings import Recipe
from keyhole.attacks.features.refined import OwnOracle, Refined
from keyhole.attacks.features.seeded import Seeded
from keyhole.attacks.features.training import Training
from keyhole.attacks.features.white_box import Optimiser
from keyhole.attacks.knowledge import BlackBox, WhiteBox
from keyhole.defences import randomness
from keyhole.generators.base import Generator, LatentCoordinates
from keyhole.generators.diffusion import Diffusion

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class OptimisedRecipe(WhiteBoxRecipe):
    """Optimise a generator's variable.

    Attributes:
        recipe: the hyper-parameters.
        generator: what is optimised, from what is known and the steps of a sampler.
        samples: whether a sampler makes its pictures.
    """

    recipe: Recipe
    generator: Callable[[WhiteBox, int], Generator]
    samples: bool = False

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Optimiser:
        """The optimiser."""
        generator = self.generator(known, run.sampling_steps or self.recipe.sampling_steps)
        return _optimiser(known, generator, self.recipe, run)


@dataclass(frozen=True)
class SeededRecipe(WhiteBoxRecipe):
    """Optimise pixels, then the latent of their picture.

    Attributes:
        first: the hyper-parameters for pixels.
        pixels: their coordinates, from what is known.
        recipe: the hyper-parameters for the latent.
        generator: in whose coordinates it is optimised, from what is known.
        denoised: whether a diffusion model holds it among latents of pictures meanwhile.
    """

    first: Recipe
    pixels: Callable[[WhiteBox], Generator]
    recipe: Recipe
    generator: Callable[[WhiteBox], LatentCoordinates]
    denoised: bool = False

    @property
    def iterations(self) -> int:
        """Steps of both optimisers."""
        return self.first.iterations + self.recipe.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Seeded:
        """Both optimisers."""
        generator = self.generator(known)
        latents = _latent_optimiser(known, generator, self.recipe, run, denoised=self.denoised)
        return Seeded(_optimiser(known, self.pixels(known), self.first, run), latents, generator, run.budget)


@dataclass(frozen=True)
class GuidedRecipe(WhiteBoxRecipe):
    """Guide a sampler."""

    guidance: Guidance

    @property
    def samples(self) -> bool:
        """Always."""
        return True

    @property
    def iterations(self) -> int:
        """U-Net passes."""
        return self.guidance.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Guided:
        """The sampler."""
        generator = Diffusion(known.prior(), known.size, run.sampling_steps or self.guidance.steps)
        return Guided(known, generator, self.guidance, run.budget, run.seed, run.watch)


@dataclass(frozen=True)
class TrainedRecipe(BlackBoxRecipe):
    """One recipe of a black-box attack.

    Attributes:
        training: the hyper-parameters.
        generator: what the network feeds, from what is known and the steps of a sampler.
        samples: whether a sampler makes its pictures.
    """

    training: Training
    generator: Callable[[BlackBox, int], Generator]
    samples: bool = False

    def steps(self, queries: int | None = None) -> int:
        """Those of the training where it is to end."""
        return self.training.limited(queries).steps or TRAINING_STEPS

    def make(self, known: BlackBox, run: RunSettings) -> Inverter:
        """The network and its training."""
        training = self.training.limited(run.queries)
        return Inverter(
            known,
            training,
            self.generator(known, run.sampling_steps or training.sampling_steps),
            run.seed,
            run.training,
            stepped=run.watch.stepped,
            noted=run.watch.noted,
            threads=run.threads,
        )


@dataclass(frozen=True)
class RefinedRecipe(WhiteBoxRecipe):
    """Start from a network's latent.

    Attributes:
        first: the network, and its training.
        recipe: that refines the latent.
        generator: in whose coordinates it is refined, from what is known.
        denoised: whether a diffusion model holds it among latents of pictures meanwhile.
        last: that samples from there, with a budget of its own; None: nothing.
    """

    first: TrainedRecipe
    recipe: Recipe
    generator: Callable[[WhiteBox], LatentCoordinates]
    denoised: bool = False
    last: GuidedRecipe | None = None

    @property
    def prepares(self) -> int:
        """Steps of the network's training."""
        return TRAINING_STEPS

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    @property
    def samples(self) -> bool:
        """Whether a sampler comes last."""
        return self.last is not None

    def make(self, known: WhiteBox, run: RunSettings) -> Refined:
        """The network, the optimiser and the sampler."""
        black = BlackBox(
            OwnOracle(known, randomness(run.seed, "adversary")), known.public(), known.size, known.prior, known.device
        )
        return self.refine(known, run, self.first.make(black, _without_losses(run)))

    def refine(self, known: WhiteBox, run: RunSettings, inverter: Inverter) -> Refined:
        """Optimiser and sampler on what a network makes."""
        sampler = None
        if self.last is not None:
            budget = replace(run.budget, iterations=self.last.iterations)
            sampler = self.last.make(known, replace(_without_losses(run), budget=budget))
        generator = self.generator(known)
        optimiser = _latent_optimiser(known, generator, self.recipe, run, denoised=self.denoised)
        return Refined(known, inverter, generator, optimiser, sampler, run.training)


def _optimiser(known: WhiteBox, generator: Generator, recipe: Recipe, run: RunSettings) -> Optimiser:
    patient = recipe if run.patience is None else replace(recipe, patience=run.patience)
    return Optimiser(known, generator, patient, run.budget, run.seed, run.watch)


def _latent_optimiser(
    known: WhiteBox, generator: LatentCoordinates, recipe: Recipe, run: RunSettings, *, denoised: bool
) -> Optimiser:
    optimiser = _optimiser(known, generator, recipe, run)
    if not denoised:
        return optimiser
    return replace(optimiser, regulariser=Denoising(generator, known.prior().denoiser))


def _without_losses(run: RunSettings) -> RunSettings:
    """The loss of a refined attack is that of its optimiser."""
    return replace(run, watch=replace(run.watch, noted=_unnoted))


def _unnoted(_loss: float) -> None:
    """Nobody is told."""
