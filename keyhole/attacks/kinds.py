"""Kinds of attack, by what they may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from keyhole.attacks.base import Attack, Knowledge
from keyhole.attacks.features.black_box import Inverter
from keyhole.attacks.features.recipes import TRAINING_STEPS, BlackWay, Terms, WhiteWay
from keyhole.attacks.knowledge import BlackBox, Lab, WhiteBox
from keyhole.attacks.rung import TOGETHER, Rung
from keyhole.priors.prior import Prior
from keyhole.service.errors import unknown_name

W = TypeVar("W")


@dataclass(frozen=True)
class White:
    """An attack that is made from a `WhiteBox` and nothing else.

    Attributes:
        ways: by name of the recipe.
        uses_prior: whether one of them needs a prior.
        denoises: whether one of them needs its diffusion model too.
    """

    ways: Mapping[str, WhiteWay]
    uses_prior: bool = False
    denoises: bool = False
    knowledge: ClassVar[Knowledge] = "white box"
    learns: ClassVar[bool] = False

    def way(self, recipe: str) -> WhiteWay:
        """The way of that name.

        Raises:
            UsageError: there is none; the message lists the nearest.
        """
        return way_named(self.ways, recipe)

    def steps(self, recipe: str, _queries: int | None = None) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        return self.way(recipe).iterations

    def prepares(self, recipe: str) -> int:
        """Steps of a training that comes before the first frame."""
        return self.way(recipe).prepares

    def samples(self, recipe: str) -> bool:
        """Whether a sampler makes its pictures."""
        return self.way(recipe).samples

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

    def rungs(self, lab: Lab, terms: Callable[[str], Terms], stack: ExitStack) -> tuple[Rung, ...]:
        """The attack alone, ready for frames until the stack closes."""
        return (Rung("", self.knowledge, stack.enter_context(self.open(lab, terms("")))),)


@dataclass(frozen=True)
class Black:
    """An attack that is made from a `BlackBox` and nothing else; it learns while its context is open.

    Attributes:
        ways: by name of the recipe.
        uses_prior: whether the generator needs a prior.
        denoises: whether it needs its diffusion model too.
    """

    ways: Mapping[str, BlackWay]
    uses_prior: bool = False
    denoises: bool = False
    knowledge: ClassVar[Knowledge] = "black box"
    learns: ClassVar[bool] = True

    def way(self, recipe: str) -> BlackWay:
        """The way of that name.

        Raises:
            UsageError: there is none; the message lists the nearest.
        """
        return way_named(self.ways, recipe)

    def steps(self, recipe: str, queries: int | None = None) -> int:
        """Steps of the training where it is to end."""
        return self.way(recipe).training.limited(queries).steps or TRAINING_STEPS

    def prepares(self, _recipe: str) -> int:
        """Nothing but what `steps` counts."""
        return 0

    def samples(self, recipe: str) -> bool:
        """Whether a sampler makes its pictures."""
        return self.way(recipe).samples

    def make(self, known: BlackBox, terms: Terms) -> Inverter:
        """The network and its training.

        Raises:
            UsageError: no such recipe, or no prior where one is needed.
        """
        return self.way(terms.recipe).make(known, terms)

    def open(self, lab: Lab, terms: Terms) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open."""
        return self.make(lab.black(), terms)

    def rungs(self, lab: Lab, terms: Callable[[str], Terms], stack: ExitStack) -> tuple[Rung, ...]:
        """The attack alone, ready for frames until the stack closes."""
        return (Rung("", self.knowledge, stack.enter_context(self.open(lab, terms(""))), together=TOGETHER),)


Kind = White | Black


class Needs(Protocol):
    """What a kind of attack needs of a prior."""

    @property
    def uses_prior(self) -> bool:
        """Whether it needs one."""
        ...

    @property
    def denoises(self) -> bool:
        """Whether it needs its diffusion model too."""
        ...


def open_prior(kinds: Iterable[Needs], load: Callable[[], Prior], sampling_steps: int | None = None) -> None:
    """Load what attacks of these kinds need of a prior, so that one which they cannot use is refused now.

    Args:
        kinds: of all attacks of a run.
        load: the prior, kept for those who ask again.
        sampling_steps: of a diffusion's sampler, where they are given.

    Raises:
        UsageError: no such prior, one that cannot be used, or one with fewer timesteps.
    """
    using = [kind for kind in kinds if kind.uses_prior]
    if not using:
        return
    prior = load()
    if any(kind.denoises for kind in using):
        schedule = prior.denoiser.schedule
        if sampling_steps is not None:
            schedule.steps(sampling_steps)


def way_named(ways: Mapping[str, W], recipe: str) -> W:
    """The way of that name.

    Raises:
        UsageError: there is none; the message lists the nearest.
    """
    if recipe not in ways:
        raise unknown_name("recipe", recipe, ways)
    return ways[recipe]
