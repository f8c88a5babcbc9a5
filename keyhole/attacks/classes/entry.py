"""Entries of the registry of class attacks: recipes, what they need, what they cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from keyhole.attacks.base import RunSettings
from keyhole.attacks.classes.base import (
    ClassAccess,
    ClassAttack,
    ClassBlind,
    ClassConfidences,
    ClassKnowledge,
    ClassLabels,
    ClassWhiteBox,
)
from keyhole.attacks.classes.losses import LossFunction, loss_named
from keyhole.attacks.entry import Cost


@dataclass(frozen=True)
class ClassRun(RunSettings):
    """How a class attack is run, whichever it is.

    Attributes:
        loss: that it minimises, a word of `keyhole.attacks.classes.losses.loss_named`; None: the recipe's.
    """

    loss: str | None = None


class ClassRecipe(ABC):
    """How one class attack works: its hyper-parameters, and how it is made from what it may know."""

    knowledge: ClassVar[ClassKnowledge]

    @property
    @abstractmethod
    def iterations(self) -> int:
        """Steps for one picture, unless a run says otherwise."""

    @property
    def loss(self) -> str:
        """The loss that it minimises, where `ClassRun.loss` may name another; empty: it has none of the table."""
        return ""

    @property
    def once_a_class(self) -> bool:
        """Whether the steps are made once for a class, however many of its pictures are made together."""
        return False

    @property
    def uses_prior(self) -> bool:
        """Whether it calls `ClassBlind.prior`."""
        return False

    @property
    def generator(self) -> str:
        """Kind of the trained generator that it asks `ClassBlind.generators` for; empty: none."""
        return ""

    @property
    def generators(self) -> tuple[str, ...]:
        """Kinds of all that it asks `ClassBlind.generators` for."""
        return (self.generator,) if self.generator else ()

    @abstractmethod
    def open(self, access: ClassAccess, run: ClassRun) -> ClassAttack:
        """The attack, ready to recall; what it trains or fits before the first picture is done by then.

        Raises:
            UsageError: no prior or generator where one is needed.
        """


class WhiteBoxClassRecipe(ClassRecipe):
    """A recipe of an attack that is made from a `ClassWhiteBox` and nothing else."""

    knowledge = "white box"

    @abstractmethod
    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe.open`."""

    def open(self, access: ClassAccess, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe`."""
        return self.make(access.white(), run)

    def ready_loss(self, known: ClassWhiteBox, run: ClassRun) -> LossFunction:
        """The run's loss, or the recipe's own, ready for the classifier."""
        return loss_named(run.loss or self.loss).ready(known)


class SearchSettings(Protocol):
    """Hyper-parameters of an attack that minimises a loss of the table step by step."""

    @property
    def loss(self) -> str:
        """A word of `keyhole.attacks.classes.losses.loss_named`."""
        ...

    @property
    def iterations(self) -> int:
        """Steps for one picture."""
        ...


@dataclass(frozen=True)
class SearchRecipe(WhiteBoxClassRecipe):
    """A white-box recipe whose settings say how many steps it takes and what it minimises.

    Attributes:
        settings: hyper-parameters.
    """

    settings: SearchSettings

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.settings.iterations

    @property
    def loss(self) -> str:
        """Of the class."""
        return self.settings.loss


class ConfidencesClassRecipe(ClassRecipe):
    """A recipe of an attack that is made from a `ClassConfidences` and nothing else."""

    knowledge = "confidences"

    @abstractmethod
    def make(self, known: ClassConfidences, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe.open`."""

    def open(self, access: ClassAccess, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe`."""
        return self.make(access.confidences(), run)


class LabelsClassRecipe(ClassRecipe):
    """A recipe of an attack that is made from a `ClassLabels` and nothing else."""

    knowledge = "labels"

    @abstractmethod
    def make(self, known: ClassLabels, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe.open`."""

    def open(self, access: ClassAccess, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe`."""
        return self.make(access.labels(), run)


class BlindClassRecipe(ClassRecipe):
    """A recipe of an attack that is made from a `ClassBlind` and nothing else."""

    knowledge = "blind"

    @abstractmethod
    def make(self, known: ClassBlind, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe.open`."""

    def open(self, access: ClassAccess, run: ClassRun) -> ClassAttack:
        """See `ClassRecipe`."""
        return self.make(access.blind(), run)


USUAL_COST = Cost(3.0, 0.01)


@dataclass(frozen=True)
class ClassEntry:
    """A class attack as the whole product knows it.

    Attributes:
        recipes: by name; the first is taken where none is named.
        title: what it does, in a line.
        cost: how long it takes; forwards are of the classifier.
        floor: whether it is a row that attacks are compared with: public pictures, nothing made.
        colour: in plots; empty: one chosen by its name.
    """

    recipes: Mapping[str, ClassRecipe]
    title: str = ""
    cost: Cost = USUAL_COST
    floor: bool = False
    colour: str = ""
