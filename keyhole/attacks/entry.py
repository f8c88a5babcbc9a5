"""Entries of the registry: an attack's recipes, what it needs, what it costs, and what the benchmark lets it spend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Generic, Protocol, TypeVar

from keyhole.attacks import Suite
from keyhole.attacks.base import Access, Attack, BlackBox, Knowledge, RunSettings
from keyhole.priors.prior import Prior

TOGETHER = 16
"""Frames that a network inverts in one pass, where so many wait."""


@dataclass(frozen=True)
class Rung:
    """An attack that is ready for frames: a whole one, or one rung of a ladder.

    Attributes:
        name: of the rung; empty: it is no ladder's.
        knowledge: what it is made from.
        attack: used by one worker alone.
        together: frames that are handed to it at once, where so many wait.
        waiting: frames that may wait for it; None: as many as the adversary's settings say.
    """

    name: str
    knowledge: Knowledge
    attack: Attack
    together: int = 1
    waiting: int | None = None


@dataclass(frozen=True)
class RungOutline:
    """What is known of a rung before it is opened.

    Attributes:
        name: of the rung; empty: it is no ladder's.
        knowledge: what it is made from.
        training: steps after which its network counts as trained; 0: it trains none.
    """

    name: str
    knowledge: Knowledge
    training: int = 0


class OnlineRecipe(Protocol):
    """How an attack works on frames that come while it runs."""

    @property
    def learns(self) -> bool:
        """Whether its steps are those of a training that comes before the first frame."""
        ...

    def steps(self, queries: int | None = None) -> int:
        """Steps of the optimiser for one frame, or of the training of an attack that learns.

        Args:
            queries: pictures that the oracle is asked about; None: the recipe's own number.
        """
        ...

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:
        """Its rungs as `rungs` will open them.

        Args:
            queries: see `steps`.
        """
        ...

    def rungs(self, access: Access, run: Callable[[str], RunSettings], stack: ExitStack) -> tuple[Rung, ...]:
        """What its workers run, ready for frames until the stack closes.

        Args:
            access: what the adversary can find out.
            run: the settings of a rung, by its name.
            stack: closes what is opened here.

        Raises:
            UsageError: no prior where one is needed.
        """
        ...


def outlined(recipe: OnlineRecipe, queries: int | None = None) -> tuple[RungOutline, ...]:
    """See `OnlineRecipe.outline`; nothing where a recipe of a user's own does not say it."""
    return recipe.outline(queries) if hasattr(recipe, "outline") else ()


class Recipe(ABC):
    """How one attack works: its hyper-parameters, and how it is made from what it may know."""

    knowledge: ClassVar[Knowledge]
    learns: ClassVar[bool] = False
    together: ClassVar[int] = 1

    @property
    def prepares(self) -> int:
        """Steps of a training that comes before the first frame, where that is not all it does."""
        return 0

    @property
    def samples(self) -> bool:
        """Whether a sampler makes its pictures, so that sampling steps mean something."""
        return False

    @property
    def filters(self) -> bool:
        """Whether it ends with a filter of its finished pictures, which a run may set."""
        return False

    @property
    def describes(self) -> bool:
        """Whether it trains through a diffusion model, so that a text on the frames needs one on each query too."""
        return False

    @abstractmethod
    def steps(self, queries: int | None = None) -> int:
        """See `OnlineRecipe`."""

    @abstractmethod
    def open(self, access: Access, run: RunSettings) -> AbstractContextManager[Attack]:
        """The attack, ready for frames while the context is open.

        Raises:
            UsageError: no prior where one is needed.
        """

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:
        """The attack alone; see `OnlineRecipe`."""
        return (RungOutline("", self.knowledge, self.steps(queries) if self.learns else 0),)

    def rungs(self, access: Access, run: Callable[[str], RunSettings], stack: ExitStack) -> tuple[Rung, ...]:
        """The attack alone; see `OnlineRecipe`."""
        return (Rung("", self.knowledge, stack.enter_context(self.open(access, run(""))), self.together),)


class BlackBoxRecipe(Recipe):
    """A recipe of an attack that is made from a `BlackBox` and nothing else; it learns while its context is open."""

    knowledge = "black box"
    learns = True
    together = TOGETHER

    @abstractmethod
    def make(self, known: BlackBox, run: RunSettings) -> Attack:
        """The attack; if it is a context manager, it is ready once entered.

        Raises:
            UsageError: no prior where one is needed.
        """

    def open(self, access: Access, run: RunSettings) -> AbstractContextManager[Attack]:
        """See `Recipe`."""
        return _opened(self.make(access.black(), run))


@dataclass(frozen=True)
class Cost:
    """How long an attack takes, roughly, on two cores: for the benchmark's first guess.

    Attributes:
        forwards: of the head for one step. A step is one of the optimiser for one picture, or of the training.
        step_seconds: of a step besides.
        picture_seconds: of a picture besides.
        whole: whether the forwards are of the whole model.
    """

    forwards: float
    step_seconds: float
    picture_seconds: float = 0.0
    whole: bool = False


@dataclass(frozen=True)
class Spend:
    """What an attack may spend on one cell of the benchmark.

    Attributes:
        n: pictures that are attacked.
        iterations: of an optimiser for each picture; steps of the training for an attack that learns.
        queries: pictures that an attack that learns asks its oracle about; None: as many as it has use for.
        batch: pictures that are attacked together.
    """

    n: int
    iterations: int
    queries: int | None = None
    batch: int = 4


WHITE_BOX_COST, BLACK_BOX_COST = Cost(1.2, 0.012, 1.1), Cost(8.0, 0.3, 0.2)
WHITE_BOX_BUDGETS: Mapping[Suite, Spend] = MappingProxyType(
    {
        "quick": Spend(n=2, iterations=120, batch=2),
        "standard": Spend(n=32, iterations=260),
        "paper": Spend(n=100, iterations=600),
    }
)
BLACK_BOX_BUDGETS: Mapping[Suite, Spend] = MappingProxyType(
    {
        "quick": Spend(n=8, iterations=100, queries=384),
        "standard": Spend(n=100, iterations=1200, queries=2496),
        "paper": Spend(n=100, iterations=3072, queries=4096),
    }
)
"""Budgets of black boxes that give none. Every cell of an attack gets the same budget, so that two people's numbers
compare; dear attacks see fewer pictures in `quick` and `standard`: the first of the same ones."""

R_co = TypeVar("R_co", bound=OnlineRecipe, covariant=True)


@dataclass(frozen=True)
class AttackEntry(Generic[R_co]):
    """An attack as the whole product knows it.

    Attributes:
        recipes: by name.
        uses_prior: whether one of them needs a prior.
        denoises: whether one of them needs its diffusion model too.
        classes: whether they need public pictures of the classes that the target tells apart.
        cost: how long it takes; None: as long as others that know as much.
        preparing: how long a step takes of a training before the first frame; None: as long as a black box's.
        budgets: what the benchmark's suites let it spend, where that is not what others that know as much get.
        colour: its own on the page and in reports, where it is in the registry; empty: one chosen by its name.
    """

    recipes: Mapping[str, R_co]
    uses_prior: bool = False
    denoises: bool = False
    classes: bool = False
    cost: Cost | None = None
    preparing: Cost | None = None
    budgets: Mapping[Suite, Spend] = field(default_factory=dict)
    colour: str = ""


def open_prior(
    entries: Iterable[AttackEntry[OnlineRecipe]], load: Callable[[], Prior], sampling_steps: int | None = None
) -> None:
    """Load what attacks need of a prior, so that one which they cannot use is refused now.

    Args:
        entries: of all attacks of a run.
        load: the prior, kept for those who ask again.
        sampling_steps: of a diffusion's sampler, where they are given.

    Raises:
        UsageError: no such prior, one that cannot be used, or one with fewer timesteps.
    """
    using = [entry for entry in entries if entry.uses_prior]
    if not using:
        return
    prior = load()
    if any(entry.denoises for entry in using):
        schedule = prior.denoiser.schedule
        if sampling_steps is not None:
            schedule.steps(sampling_steps)


def _opened(attack: Attack) -> AbstractContextManager[Attack]:
    return attack if isinstance(attack, AbstractContextManager) else nullcontext(attack)
