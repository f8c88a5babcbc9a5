"""Recipes of attacks: how each is made from what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from keyhole.attacks.base import Attack, Budget
from keyhole.attacks.features.black_box import Inverter
from keyhole.attacks.features.denoising import Denoising
from keyhole.attacks.features.guided import Guidance, Guided
from keyhole.attacks.features.optimiser_settings import Recipe
from keyhole.attacks.features.refined import OwnOracle, Refined
from keyhole.attacks.features.seeded import Seeded
from keyhole.attacks.features.training import Training
from keyhole.attacks.features.white_box import Optimiser
from keyhole.attacks.knowledge import BlackBox, WhiteBox
from keyhole.attacks.watch import UNWATCHED, Watch
from keyhole.defences import randomness
from keyhole.generators.diffusion import Diffusion
from keyhole.generators.generator import Generator, LatentCoordinates

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class Terms:
    """How an attack is run, whichever it is.

    Attributes:
        budget: of one frame.
        recipe: name of the hyper-parameters.
        seed: of all random choices.
        watch: what is told on the way.
        threads: of one tensor operation.
        training: steps after which a network stops learning, before the first frame; None: it goes on.
        sampling_steps: of a diffusion; None: the recipe's.
        queries: pictures that an attack that learns asks the oracle about; None: the recipe's.
        patience: iterations of an optimiser without better features, after which it stops; None: the recipe's.
    """

    budget: Budget
    recipe: str = "strong"
    seed: int = 0
    watch: Watch = UNWATCHED
    threads: int = 1
    training: int | None = None
    sampling_steps: int | None = None
    queries: int | None = None
    patience: int | None = None


class WhiteWay(Protocol):
    """One recipe of a white-box attack."""

    @property
    def iterations(self) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        ...

    @property
    def prepares(self) -> int:
        """Steps of a training that comes before the first frame."""
        ...

    @property
    def samples(self) -> bool:
        """Whether a sampler makes its pictures, so that sampling steps mean something."""
        ...

    def make(self, known: WhiteBox, terms: Terms) -> Attack:
        """The attack; if it is a context manager, it is ready once entered.

        Raises:
            UsageError: no prior where one is needed.
        """
        ...


@dataclass(frozen=True)
class Way:
    """Optimise a generator's variable.

    Attributes:
        recipe: the hyper-parameters.
        generator: what is optimised, from what is known and the steps of a sampler.
        samples: see `WhiteWay`.
    """

    recipe: Recipe
    generator: Callable[[WhiteBox, int], Generator]
    samples: bool = False
    prepares: ClassVar[int] = 0

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Optimiser:
        """The optimiser."""
        generator = self.generator(known, terms.sampling_steps or self.recipe.sampling_steps)
        return _optimiser(known, generator, self.recipe, terms)


@dataclass(frozen=True)
class SeededWay:
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
    prepares: ClassVar[int] = 0
    samples: ClassVar[bool] = False

    @property
    def iterations(self) -> int:
        """Steps of both optimisers."""
        return self.first.iterations + self.recipe.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Seeded:
        """Both optimisers."""
        generator = self.generator(known)
        latents = _latent_optimiser(known, generator, self.recipe, terms, denoised=self.denoised)
        return Seeded(_optimiser(known, self.pixels(known), self.first, terms), latents, generator, terms.budget)


@dataclass(frozen=True)
class GuidedWay:
    """Guide a sampler."""

    guidance: Guidance
    prepares: ClassVar[int] = 0
    samples: ClassVar[bool] = True

    @property
    def iterations(self) -> int:
        """U-Net passes."""
        return self.guidance.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Guided:
        """The sampler."""
        generator = Diffusion(known.prior(), known.size, terms.sampling_steps or self.guidance.steps)
        return Guided(known, generator, self.guidance, terms.budget, terms.seed, terms.watch)


@dataclass(frozen=True)
class BlackWay:
    """One recipe of a black-box attack.

    Attributes:
        training: the hyper-parameters.
        generator: what the network feeds, from what is known and the steps of a sampler.
        samples: see `WhiteWay`.
    """

    training: Training
    generator: Callable[[BlackBox, int], Generator]
    samples: bool = False

    def make(self, known: BlackBox, terms: Terms) -> Inverter:
        """The network and its training."""
        training = self.training.limited(terms.queries)
        return Inverter(
            known,
            training,
            self.generator(known, terms.sampling_steps or training.sampling_steps),
            terms.seed,
            terms.training,
            stepped=terms.watch.stepped,
            noted=terms.watch.noted,
            threads=terms.threads,
        )


@dataclass(frozen=True)
class RefinedWay:
    """Start from a network's latent.

    Attributes:
        first: the network, and its training.
        recipe: that refines the latent.
        generator: in whose coordinates it is refined, from what is known.
        denoised: whether a diffusion model holds it among latents of pictures meanwhile.
        last: that samples from there, with a budget of its own; None: nothing.
    """

    first: BlackWay
    recipe: Recipe
    generator: Callable[[WhiteBox], LatentCoordinates]
    denoised: bool = False
    last: GuidedWay | None = None
    prepares: ClassVar[int] = TRAINING_STEPS

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    @property
    def samples(self) -> bool:
        """Whether a sampler comes last."""
        return self.last is not None

    def make(self, known: WhiteBox, terms: Terms) -> Refined:
        """The network, the optimiser and the sampler."""
        black = BlackBox(
            OwnOracle(known, randomness(terms.seed, "adversary")), known.public(), known.size, known.prior, known.device
        )
        return self.refine(known, terms, self.first.make(black, _without_losses(terms)))

    def refine(self, known: WhiteBox, terms: Terms, inverter: Inverter) -> Refined:
        """Optimiser and sampler on what a network makes."""
        sampler = None
        if self.last is not None:
            budget = replace(terms.budget, iterations=self.last.iterations)
            sampler = self.last.make(known, replace(_without_losses(terms), budget=budget))
        generator = self.generator(known)
        optimiser = _latent_optimiser(known, generator, self.recipe, terms, denoised=self.denoised)
        return Refined(known, inverter, generator, optimiser, sampler, terms.training)


def _optimiser(known: WhiteBox, generator: Generator, recipe: Recipe, terms: Terms) -> Optimiser:
    patient = recipe if terms.patience is None else replace(recipe, patience=terms.patience)
    return Optimiser(known, generator, patient, terms.budget, terms.seed, terms.watch)


def _latent_optimiser(
    known: WhiteBox, generator: LatentCoordinates, recipe: Recipe, terms: Terms, *, denoised: bool
) -> Optimiser:
    optimiser = _optimiser(known, generator, recipe, terms)
    if not denoised:
        return optimiser
    return replace(optimiser, regulariser=Denoising(generator, known.prior().denoiser))


def _without_losses(terms: Terms) -> Terms:
    """The loss of a refined attack is that of its optimiser."""
    return replace(terms, watch=replace(terms.watch, noted=_unnoted))


def _unnoted(_loss: float) -> None:
    """Nobody is told."""
