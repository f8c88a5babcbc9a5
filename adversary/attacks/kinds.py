"""Kinds of attack, by what they may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

from adversary.attacks.attack import Attack, Budget, Knowledge
from adversary.attacks.recipe import Recipe
from adversary.attacks.white_box import Optimiser
from adversary.generators.generator import Generator
from adversary.knowledge import BlackBox, Lab, WhiteBox
from keyhole.service.errors import unknown_name

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class Terms:
    """How an attack is run, whichever it is.

    Attributes:
        budget: of one frame.
        recipe: name of the optimiser's hyper-parameters.
        interval: seconds between estimates.
        seed: of all random choices.
        stepped: called after every step of the optimiser.
        threads: of one tensor operation.
        training: steps after which an attack that learns stops learning; None: it goes on.
        sampling_steps: of a diffusion; None: the recipe's.
    """

    budget: Budget
    recipe: str = "strong"
    interval: float = 1.0
    seed: int = 0
    stepped: Callable[[], object] = lambda: None
    threads: int = 1
    training: int | None = None
    sampling_steps: int | None = None


@dataclass(frozen=True)
class Way:
    """One recipe of a white-box attack.

    Attributes:
        recipe: the hyper-parameters.
        generator: what is optimised, from what is known and the steps of a sampler.
    """

    recipe: Recipe
    generator: Callable[[WhiteBox, int], Generator]


@dataclass(frozen=True)
class White:
    """An attack that is made from a `WhiteBox` and nothing else: the one optimiser, for some generator.

    Attributes:
        ways: by name of the recipe.
        uses_prior: whether the generator needs one.
    """

    ways: Mapping[str, Way]
    uses_prior: bool = False
    knowledge: ClassVar[Knowledge] = "white box"
    learns: ClassVar[bool] = False

    def way(self, recipe: str) -> Way:
        """The way of that name.

        Raises:
            UsageError: there is none; the message lists the nearest.
        """
        if recipe not in self.ways:
            raise unknown_name("recipe", recipe, self.ways)
        return self.ways[recipe]

    def steps(self, recipe: str) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        return self.way(recipe).recipe.iterations

    def make(self, known: WhiteBox, terms: Terms) -> Optimiser:
        """The optimiser.

        Raises:
            UsageError: no such recipe, or no prior where one is needed.
        """
        way = self.way(terms.recipe)
        generator = way.generator(known, terms.sampling_steps or way.recipe.sampling_steps)
        return Optimiser(known, generator, way.recipe, terms.budget, terms.interval, terms.seed, terms.stepped)

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return nullcontext(self.make(lab.white(), terms))


@dataclass(frozen=True)
class Black:
    """An attack that is made from a `BlackBox` and nothing else; it learns while its context is open."""

    make: Callable[[BlackBox, Terms], AbstractContextManager[Attack]]
    uses_prior: bool = False
    knowledge: ClassVar[Knowledge] = "black box"
    learns: ClassVar[bool] = True

    def steps(self, _recipe: str) -> int:
        """Steps of the training where it is to end; the recipe is for white boxes."""
        return TRAINING_STEPS

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return self.make(lab.black(), terms)


Kind = White | Black
