"""An attack with its recipe, as one word: ``diffusion-white/guided``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from keyhole.service.errors import UsageError, unknown_name


class HasRecipes(Protocol):
    """A kind of attack."""

    @property
    def ways(self) -> Mapping[str, Any]:
        """Its recipes by name."""
        ...


K = TypeVar("K", bound=HasRecipes)


@dataclass(frozen=True)
class Choice(Generic[K]):
    """What is to run.

    Attributes:
        attack: its name.
        recipe: the name of its hyper-parameters.
        word: as it was given.
        kind: the attack.
    """

    attack: str
    recipe: str
    word: str
    kind: K

    @property
    def name(self) -> str:
        """What its reconstructions are called: the word, in letters that can name a file."""
        return self.word.replace("/", "-")


def choose(word: str, recipe: str, attacks: Mapping[str, K]) -> Choice[K]:
    """The attack of a word.

    Args:
        word: ``ATTACK`` or ``ATTACK/RECIPE``.
        recipe: of an attack that names none.
        attacks: by name.

    Raises:
        UsageError: no such attack, or it has no such recipe.
    """
    attack, slash, own = word.partition("/")
    chosen = own if slash else recipe
    if attack not in attacks:
        raise unknown_name("attack", attack, attacks)
    if chosen not in attacks[attack].ways:
        ways = tuple(attacks[attack].ways)
        raise UsageError(
            f"unknown recipe {chosen!r}: {attack} has {', '.join(ways)}; one is named as in {attack}/{ways[0]}"
        )
    return Choice(attack, chosen, word, attacks[attack])


def choose_all(words: Sequence[str], recipe: str, attacks: Mapping[str, K]) -> tuple[Choice[K], ...]:
    """The attacks of several words.

    Raises:
        UsageError: no such attack or recipe, or two words for the same.
    """
    chosen = tuple(choose(word, recipe, attacks) for word in words)
    pairs = [(choice.attack, choice.recipe) for choice in chosen]
    for at, pair in enumerate(pairs):
        if pair in pairs[:at]:
            raise UsageError(f"--attacks names {'/'.join(pair)} twice")
    return chosen
