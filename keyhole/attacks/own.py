"""Attacks of a user's own, by the name of their class: ``package.module:Class``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from keyhole.attacks import Suite
from keyhole.attacks.base import Attack, BlackBox, RunSettings, WhiteBox
from keyhole.attacks.entry import AttackEntry, BlackBoxRecipe, Cost, Recipe
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.extensions import ExtensionError, load_extension
from keyhole.priors.prior import Prior
from keyhole.service.errors import UsageError

OWN_ITERATIONS = 100
_SETTINGS: Mapping[str, type] = MappingProxyType(
    {"uses_prior": bool, "denoises": bool, "cost": Cost, "budgets": Mapping}
)
K = TypeVar("K", WhiteBox, BlackBox)


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
        return self.kind(_declared(known, self.kind), run)


@dataclass(frozen=True)
class OwnBlackBox(BlackBoxRecipe):
    """The recipe of a class of a user's own, see `own_attack`."""

    kind: Callable[[BlackBox, RunSettings], Attack]

    def steps(self, queries: int | None = None) -> int:  # noqa: ARG002
        """The class's ``iterations``, or 100."""
        return int(getattr(self.kind, "iterations", OWN_ITERATIONS))

    def make(self, known: BlackBox, run: RunSettings) -> Attack:
        """The class called."""
        return self.kind(_declared(known, self.kind), run)


def _declared(known: K, kind: Callable[..., Attack]) -> K:
    """The knowledge, without a prior where the class does not say that it uses one: nothing has checked that prior, and
    pictures that are kept would be taken for those of another.
    """

    def undeclared() -> Prior:
        raise UsageError(f"{getattr(kind, '__name__', kind)} uses a prior: its class must say `uses_prior = True`")

    return known if getattr(kind, "uses_prior", False) else replace(known, prior=undeclared)


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
    for field, expected in {**_SETTINGS, "iterations": int}.items():
        if hasattr(found, field) and not isinstance(getattr(found, field), expected):
            raise UsageError(f"{name}: `{field}` must be a {expected.__name__}, not {getattr(found, field)!r}")
    settings = {field: getattr(found, field) for field in _SETTINGS if hasattr(found, field)}
    if not settings.get("budgets", {}).keys() <= set(get_args(Suite)):
        raise UsageError(f"{name}: `budgets` has keys other than {', '.join(get_args(Suite))}")
    return AttackEntry({"strong": kind(found)}, **settings)
