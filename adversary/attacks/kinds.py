"""Kinds of attack, by what they may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, TypeVar

from adversary.attacks.attack import Attack, Budget, Knowledge
from adversary.attacks.black_box import Inverter
from adversary.attacks.guided import Guidance, Guided
from adversary.attacks.recipe import Recipe
from adversary.attacks.refined import OwnOracle, Refined
from adversary.attacks.training import Training
from adversary.attacks.white_box import Optimiser
from adversary.generators.diffusion import Diffusion
from adversary.generators.generator import Generator
from adversary.knowledge import BlackBox, Lab, WhiteBox
from keyhole.defences import randomness
from keyhole.service.errors import unknown_name

TRAINING_STEPS = 1000
W = TypeVar("W")


@dataclass(frozen=True)
class Terms:
    """How an attack is run, whichever it is.

    Attributes:
        budget: of one frame.
        recipe: name of the hyper-parameters.
        interval: seconds between estimates.
        seed: of all random choices.
        stepped: called after every step of the optimiser.
        threads: of one tensor operation.
        training: steps after which a network stops learning, before the first frame; None: it goes on.
        sampling_steps: of a diffusion; None: the recipe's.
        queries: pictures that an attack that learns asks the oracle about; None: the recipe's.
        patience: iterations of an optimiser without better features, after which it stops; None: the recipe's.
        noted: called with the loss of every step.
    """

    budget: Budget
    recipe: str = "strong"
    interval: float = 1.0
    seed: int = 0
    stepped: Callable[[], object] = lambda: None
    threads: int = 1
    training: int | None = None
    sampling_steps: int | None = None
    queries: int | None = None
    patience: int | None = None
    noted: Callable[[float], object] = lambda _: None


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
        return Optimiser(known, generator, recipe, terms.budget, terms.interval, terms.seed, terms.stepped, terms.noted)


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
        return Guided(
            known, generator, self.guidance, terms.budget, terms.interval, terms.seed, terms.stepped, terms.noted
        )


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
        sampler = None
        if self.last is not None:
            budget = replace(terms.budget, iterations=self.last.iterations)
            sampler = self.last.make(known, replace(terms, budget=budget, noted=_unnoted))
        black = BlackBox(OwnOracle(known, randomness(terms.seed, "adversary")), known.public(), known.size, known.prior)
        optimiser = self.way.make(known, terms)
        inverter = Inverter(
            black,
            self.training.limited(terms.queries),
            optimiser.generator,
            terms.seed,
            stepped=terms.stepped,
            threads=terms.threads,
        )
        return Refined(known, inverter, optimiser, sampler, terms.training)


@dataclass(frozen=True)
class White:
    """An attack that is made from a `WhiteBox` and nothing else.

    Attributes:
        ways: by name of the recipe.
        uses_prior: whether one of them needs one.
    """

    ways: Mapping[str, WhiteWay]
    uses_prior: bool = False
    knowledge: ClassVar[Knowledge] = "white box"
    learns: ClassVar[bool] = False

    def way(self, recipe: str) -> WhiteWay:
        """The way of that name.

        Raises:
            UsageError: there is none; the message lists the nearest.
        """
        return _way(self.ways, recipe)

    def steps(self, recipe: str, _queries: int | None = None) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        return self.way(recipe).iterations

    def prepares(self, recipe: str) -> int:
        """Steps of a training that comes before the first frame."""
        return self.way(recipe).prepares

    def make(self, known: WhiteBox, terms: Terms) -> Attack:
        """The attack.

        Raises:
            UsageError: no such recipe, or no prior where one is needed.
        """
        return self.way(terms.recipe).make(known, terms)

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        attack = self.make(lab.white(), terms)
        return attack if isinstance(attack, AbstractContextManager) else nullcontext(attack)


@dataclass(frozen=True)
class BlackWay:
    """One recipe of a black-box attack.

    Attributes:
        training: the hyper-parameters.
        generator: what the network feeds, from what is known and the steps of a sampler.
    """

    training: Training
    generator: Callable[[BlackBox, int], Generator]


@dataclass(frozen=True)
class Black:
    """An attack that is made from a `BlackBox` and nothing else; it learns while its context is open.

    Attributes:
        ways: by name of the recipe.
        uses_prior: whether the generator needs one.
    """

    ways: Mapping[str, BlackWay]
    uses_prior: bool = False
    knowledge: ClassVar[Knowledge] = "black box"
    learns: ClassVar[bool] = True

    def way(self, recipe: str) -> BlackWay:
        """The way of that name.

        Raises:
            UsageError: there is none; the message lists the nearest.
        """
        return _way(self.ways, recipe)

    def steps(self, recipe: str, queries: int | None = None) -> int:
        """Steps of the training where it is to end."""
        return self.way(recipe).training.limited(queries).steps or TRAINING_STEPS

    def prepares(self, _recipe: str) -> int:
        """Nothing but what `steps` counts."""
        return 0

    def make(self, known: BlackBox, terms: Terms) -> Inverter:
        """The network and its training.

        Raises:
            UsageError: no such recipe, or no prior where one is needed.
        """
        way = self.way(terms.recipe)
        generator = way.generator(known, terms.sampling_steps or way.training.sampling_steps)
        training = way.training.limited(terms.queries)
        return Inverter(
            known, training, generator, terms.seed, terms.training, terms.stepped, terms.noted, terms.threads
        )

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return self.make(lab.black(), terms)


Kind = White | Black


def _unnoted(_loss: float) -> None:
    """The loss of a refined attack is that of its optimiser."""


def _way(ways: Mapping[str, W], recipe: str) -> W:
    if recipe not in ways:
        raise unknown_name("recipe", recipe, ways)
    return ways[recipe]
