"""Class attacks of a user's own, by the name of what makes them: ``package.module:Class``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from keyhole.attacks.classes.base import ClassAttack, ClassBlind, ClassConfidences, ClassLabels, ClassWhiteBox
from keyhole.attacks.classes.entry import (
    BlindClassRecipe,
    ClassEntry,
    ClassRecipe,
    ClassRun,
    ConfidencesClassRecipe,
    LabelsClassRecipe,
    WhiteBoxClassRecipe,
)
from keyhole.extensions import ExtensionError, load_extension
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class _Own:
    kind: Callable[[Any, ClassRun], ClassAttack]

    @property
    def iterations(self) -> int:
        return int(getattr(self.kind, "iterations", _OWN_ITERATIONS))

    @property
    def once_a_class(self) -> bool:
        return bool(getattr(self.kind, "once_a_class", False))

    @property
    def uses_prior(self) -> bool:
        return bool(getattr(self.kind, "uses_prior", False))

    @property
    def generator(self) -> str:
        return str(getattr(self.kind, "generator", ""))


@dataclass(frozen=True)
class OwnWhiteBoxClass(_Own, WhiteBoxClassRecipe):
    """The recipe of a class of a user's own, see `own_class_attack`."""

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassAttack:
        """The class called."""
        return self.kind(known, run)


@dataclass(frozen=True)
class OwnConfidencesClass(_Own, ConfidencesClassRecipe):
    """The recipe of a class of a user's own, see `own_class_attack`."""

    def make(self, known: ClassConfidences, run: ClassRun) -> ClassAttack:
        """The class called."""
        return self.kind(known, run)


@dataclass(frozen=True)
class OwnLabelsClass(_Own, LabelsClassRecipe):
    """The recipe of a class of a user's own, see `own_class_attack`."""

    def make(self, known: ClassLabels, run: ClassRun) -> ClassAttack:
        """The class called."""
        return self.kind(known, run)


@dataclass(frozen=True)
class OwnBlindClass(_Own, BlindClassRecipe):
    """The recipe of a class of a user's own, see `own_class_attack`."""

    def make(self, known: ClassBlind, run: ClassRun) -> ClassAttack:
        """The class called."""
        return self.kind(known, run)


_OWN_ITERATIONS = 100
_OWN: Mapping[object, Callable[[Any], ClassRecipe]] = MappingProxyType(
    {kind.knowledge: kind for kind in (OwnWhiteBoxClass, OwnConfidencesClass, OwnLabelsClass, OwnBlindClass)}
)


def own_class_attack(name: str) -> ClassEntry:
    """The attack that ``package.module:Name`` names: a `ClassEntry`, or a class.

    A class says with ``knowledge = "white box"``, ``"confidences"``, ``"labels"`` or ``"blind"`` what it is made from.
    It is called with a `ClassWhiteBox`, `ClassConfidences`, `ClassLabels` or `ClassBlind` and a `ClassRun`; what that
    makes is a `ClassAttack`. It may also have ``iterations``, ``once_a_class``, ``uses_prior`` and ``generator``, as a
    `ClassRecipe` has them.

    Raises:
        UsageError: no such thing, or it is neither.
    """
    try:
        found = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the attack {error}") from error
    if isinstance(found, ClassEntry):
        return found
    kind = _OWN.get(getattr(found, "knowledge", None))
    if kind is None or not callable(found) or (isinstance(found, type) and not hasattr(found, "recall")):
        known = ", ".join(map(repr, _OWN))
        raise UsageError(
            f"{name} must be a ClassEntry, or a class with `recall` whose `knowledge` is one of {known}; got "
            f"{type(found).__name__}"
        )
    return ClassEntry({"strong": kind(found)}, title=(found.__doc__ or "").partition("\n")[0])
