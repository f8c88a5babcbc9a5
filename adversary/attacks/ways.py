"""Recipes of attacks: how each is made from what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from adversary.attacks.attack import Attack, Budget
from adversary.attacks.black_box import Inverter
from adversary.attacks.guided import Guidance, Guided
from adversary.attacks.recipe import Recipe
from adversary.attacks.refined import OwnOracle, Refined
from adversary.attacks.training import Training
from adversary.attacks.watch import UNWATCHED, Watch
from adversary.attacks.white_box import Optimiser
from adversary.generators.diffusion import Diffusion
from adversary.generators.generator import Generator
from adversary.knowledge import BlackBox, WhiteBox
from keyhole.defences import randomness

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
    """

    recipe: Recipe
    generator: Callable[[WhiteBox, int], Generator]
    prepares: ClassVar[int] = 0

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Optimiser:
        """The optimiser."""
        recipe = self.recipe if terms.patience is None else replace(self.recipe, patience=terms.patience)
        generator = self.generator(known, terms.sampling_steps or recipe.sampling_steps)
        return Optimiser(known, generator, recipe, terms.budget, terms.seed, terms.watch)


@dataclass(frozen=True)
class GuidedWay:
    """Guide a sampler."""

    guidance: Guidance
    prepares: ClassVar[int] = 0

    @property
    def iterations(self) -> int:
        """U-Net passes."""
        return self.guidance.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Guided:
        """The sampler."""
        generator = Diffusion(known.prior(), known.size, terms.sampling_steps or self.guidance.steps)
        return Guided(known, generator, self.guidance, terms.budget, terms.seed, terms.watch)


@dataclass(frozen=True)
class RefinedWay:
    """Start from a network's latent.

    Attributes:
        training: of the network.
        way: that refines the latent.
        last: that samples from there, with a budget of its own; None: nothing.
    """

    training: Training
    way: Way
    last: GuidedWay | None = None
    prepares: ClassVar[int] = TRAINING_STEPS

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.way.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Refined:
        """The network, the optimiser and the sampler."""
        black = BlackBox(
            OwnOracle(known, randomness(terms.seed, "adversary")), known.public(), known.size, known.prior, known.device
        )
        generator = self.way.generator(known, terms.sampling_steps or self.way.recipe.sampling_steps)
        inverter = Inverter(
            black,
            self.training.limited(terms.queries),
            generator,
            terms.seed,
            stepped=terms.watch.stepped,
            threads=terms.threads,
        )
        return self.refine(known, terms, inverter)

    def refine(self, known: WhiteBox, terms: Terms, inverter: Inverter) -> Refined:
        """Optimiser and sampler on what a network makes."""
        sampler = None
        if self.last is not None:
            budget = replace(terms.budget, iterations=self.last.iterations)
            sampler = self.last.make(known, replace(terms, budget=budget, watch=replace(terms.watch, noted=_unnoted)))
        return Refined(known, inverter, self.way.make(known, terms), sampler, terms.training)


@dataclass(frozen=True)
class BlackWay:
    """One recipe of a black-box attack.

    Attributes:
        training: the hyper-parameters.
        generator: what the network feeds, from what is known and the steps of a sampler.
    """

    training: Training
    generator: Callable[[BlackBox, int], Generator]

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


def _unnoted(_loss: float) -> None:
    """The loss of a refined attack is that of its optimiser."""
