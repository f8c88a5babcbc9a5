"""Words that name attacks with their recipes, ``ATTACK`` or ``ATTACK/RECIPE``: in every registry the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from keyhole.extensions import extension_hash, label
from keyhole.service.errors import UsageError


class Entry(Protocol):
    """What a registry holds of an attack."""

    @property
    def recipes(self) -> Mapping[str, Any]:
        """By name."""


E = TypeVar("E", bound=Entry)
E_co = TypeVar("E_co", bound=Entry, covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Chosen(Generic[E_co, R_co]):
    """An attack that is to run, by one recipe.

    Attributes:
        attack: its name in the registry, or ``package.module:Name``.
        recipe_name: name of the recipe.
        word: that names it.
        entry: of the registry.
        recipe: how it works.
    """

    attack: str
    recipe_name: str
    word: str
    entry: E_co
    recipe: R_co

    @property
    def name(self) -> str:
        """What its pictures are called: the word, in letters that can name a file."""
        return label(self.word)

    @property
    def spelled(self) -> str:
        """``ATTACK/RECIPE``."""
        return f"{self.attack}/{self.recipe_name}"

    @property
    def source_hash(self) -> str:
        """Of the file of a class of a user's own, see `keyhole.extensions.extension_hash`; else empty."""
        return extension_hash(self.attack) if ":" in self.attack else ""


def entry_and_recipe(
    word: str, attacks: Mapping[str, E], own: Callable[[str], E], recipe: str = ""
) -> tuple[str, E, str]:
    """Name, entry and name of the recipe that a word means.

    Args:
        word: ``ATTACK`` or ``ATTACK/RECIPE``.
        attacks: by name.
        own: the entry of a name that is not among them, or `UsageError`.
        recipe: of an attack that names none; empty: its first.

    Raises:
        UsageError: no such attack, or it has no such recipe.
    """
    name, slash, named = word.partition("/")
    entry = attacks[name] if name in attacks else own(name)
    names = tuple(entry.recipes)
    chosen = named if slash else recipe or names[0]
    if chosen not in names:
        raise UsageError(
            f"unknown recipe {chosen!r}: {name} has {', '.join(names)}; one is named as in {name}/{names[0]}"
        )
    return name, entry, chosen


def all_different(chosen: Sequence[Chosen[Entry, object]]) -> None:
    """Refuse words for the same attack and recipe, and those whose pictures would be called the same.

    Raises:
        UsageError: says which.
    """
    for at, one in enumerate(chosen):
        for other in chosen[:at]:
            if one.spelled == other.spelled:
                raise UsageError(f"--attacks names {one.spelled} twice")
            if one.name == other.name:
                raise UsageError(f"--attacks {other.word} {one.word}: both would be called {one.name}; rename one")
