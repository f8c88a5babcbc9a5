"""Every attack by name, with what it may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from adversary.attacks.attack import Attack, Budget, Knowledge
from adversary.attacks.black_box import Inverter
from adversary.attacks.recipe import PAPER, STRONG, Recipe
from adversary.attacks.white_box import Optimiser
from adversary.generators.generator import Generator
from adversary.generators.pixels import Pixels, SpectralPixels
from adversary.knowledge import BlackBox, Lab, WhiteBox
from keyhole.service.errors import unknown_name


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
    """

    budget: Budget
    recipe: str = "strong"
    interval: float = 1.0
    seed: int = 0
    stepped: Callable[[], object] = lambda: None
    threads: int = 1
    training: int | None = None


@dataclass(frozen=True)
class White:
    """An attack that is made from a `WhiteBox` and nothing else."""

    make: Callable[[WhiteBox, Terms], Attack]
    knowledge: ClassVar[Knowledge] = "white box"
    learns: ClassVar[bool] = False

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return nullcontext(self.make(lab.white(), terms))


@dataclass(frozen=True)
class Black:
    """An attack that is made from a `BlackBox` and nothing else; it learns while its context is open."""

    make: Callable[[BlackBox, Terms], AbstractContextManager[Attack]]
    knowledge: ClassVar[Knowledge] = "black box"
    learns: ClassVar[bool] = True

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return self.make(lab.black(), terms)


Kind = White | Black

PIXELS: Mapping[str, tuple[Recipe, Callable[[int], Generator]]] = MappingProxyType(
    {"strong": (STRONG, SpectralPixels), "paper": (PAPER, Pixels)}
)
"""Recipe and coordinates for a picture of a given side."""


def pixels_white(known: WhiteBox, terms: Terms) -> Optimiser:
    """Direct optimisation of the picture.

    Raises:
        UsageError: no such recipe.
    """
    if terms.recipe not in PIXELS:
        raise unknown_name("recipe", terms.recipe, PIXELS)
    recipe, generator = PIXELS[terms.recipe]
    return Optimiser(known, generator(known.size), recipe, terms.budget, terms.interval, terms.seed, terms.stepped)


def pixels_black(known: BlackBox, terms: Terms) -> Inverter:
    """The mirror inversion network."""
    return Inverter(known, seed=terms.seed, steps=terms.training, stepped=terms.stepped, threads=terms.threads)


ATTACKS: Mapping[str, Kind] = MappingProxyType(
    {"pixels-white": White(pixels_white), "pixels-black": Black(pixels_black)}
)


def attack_named(name: str) -> Kind:
    """The attack of that name.

    Raises:
        UsageError: unknown; the message lists the nearest.
    """
    if name not in ATTACKS:
        raise unknown_name("attack", name, ATTACKS)
    return ATTACKS[name]
