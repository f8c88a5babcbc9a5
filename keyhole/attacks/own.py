"""Attacks of a user's own, by the name of their class: ``package.module:Class``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from keyhole.attacks.base import Attack, BlackBox, RunSettings, WhiteBox
from keyhole.attacks.entry import AttackEntry, BlackBoxRecipe, Recipe, WhiteBoxRecipe
from keyhole.extensions import ExtensionError, load_extension
from keyhole.service.errors import UsageError

OWN_ITERATIONS = 100
_SETTINGS = ("uses_prior", "denoises", "cost", "budgets")


@dataclass(frozen=True)
class OwnWhiteBox(WhiteBoxRecipe):
    """The recipe of a class of a user's own, see `own_attack`."""

    kind: Callable[[WhiteBox, RunSettings], Attack]

    @property
    def iterations(self) -> int:
        """The class's ``iterations``, or 100."""
        return int(getattr(self.kind, "iterations", OWN_ITERATIONS))

    def make(self, known: WhiteBox, run: RunSettings) -> Attack:
        """The class called."""
        return self.kind(known, run)


@dataclass(frozen=True)
class OwnBlackBox(BlackBoxRecipe):
    """The recipe of a class of a user's own, see `own_attack`."""

    kind: Callable[[BlackBox, RunSettings], Attack]

    def steps(self, queries: int | None = None) -> int:  # noqa: ARG002
        """The class's ``iterations``, or 100."""
        return int(getattr(self.kind, "iterations", OWN_ITERATIONS))

    def make(self, known: BlackBox, run: RunSettings) -> Attack:
        """The class called."""
        return self.kind(known, run)


_OWN: Mapping[object, Callable[[Any], Recipe]] = MappingProxyType(
    {OwnWhiteBox.knowledge: OwnWhiteBox, OwnBlackBox.knowledge: OwnBlackBox}
)


def own_attack(name: str) -> AttackEntry[Any]:
    """The attack that ``package.module:Name`` names: an `AttackEntry`, or a class of one recipe, *strong*.

    A class says with ``knowledge = "white box"`` (or ``"black box"``) what it is made from. It is called with a
    `WhiteBox` (or `BlackBox`) and `RunSettings`; what that makes is an `Attack`, and a context manager where it has to
    be opened first. The class may also have ``iterations``, the steps that it takes unless told otherwise, and what an
    `AttackEntry` has: ``uses_prior``, ``denoises``, ``cost`` and ``budgets``.

    Raises:
        UsageError: no such thing, or it is neither.
    """
    try:
        found = load_extension(name)
    except ExtensionError as error:
        raise UsageError(f"cannot load the attack {error}") from error
    if isinstance(found, AttackEntry):
        return found
    kind = _OWN.get(getattr(found, "knowledge", None))
    if kind is None or not callable(found):
        known = " or ".join(map(repr, _OWN))
        raise UsageError(
            f"{name} must be an AttackEntry, or a class whose `knowledge` is {known}; got {type(found).__name__}"
        )
    if isinstance(found, type) and not hasattr(found, "reconstruct"):
        raise UsageError(f"{name} has no `reconstruct`, which makes pictures of frames (keyhole.attacks.base.Attack)")
    settings = {field: getattr(found, field) for field in _SETTINGS if hasattr(found, field)}
    return AttackEntry({"strong": kind(found)}, **settings)
