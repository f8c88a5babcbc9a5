"""Words for attacks, whatever registry they are looked up in."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from keyhole.attacks.words import Chosen, all_different, entry_and_recipe
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Listed:
    recipes: dict[str, int] = field(default_factory=lambda: {"first": 1, "second": 2})


KNOWN, OWN = {"one": Listed(), "other": Listed({"alone": 3})}, Listed({"mine": 4})


@pytest.mark.parametrize(
    ("word", "recipe", "found"),
    [
        ("one", "", ("one", KNOWN["one"], "first")),
        ("one", "second", ("one", KNOWN["one"], "second")),
        ("one/second", "first", ("one", KNOWN["one"], "second")),
        ("my.own:Attack", "", ("my.own:Attack", OWN, "mine")),
    ],
)
def test_a_word_means_an_entry_and_a_recipe(word: str, recipe: str, found: tuple[str, Listed, str]) -> None:
    assert entry_and_recipe(word, KNOWN, lambda _: OWN, recipe) == found


@pytest.mark.parametrize(("word", "recipe"), [("one/wild", ""), ("one", "wild"), ("one/", "")])
def test_a_recipe_that_is_not_there_is_refused_with_those_that_are(word: str, recipe: str) -> None:
    with pytest.raises(UsageError, match="one has first, second; one is named as in one/first"):
        entry_and_recipe(word, KNOWN, lambda _: OWN, recipe)


def test_pictures_of_two_attacks_are_not_called_the_same() -> None:
    own, other = (Chosen(word, "mine", word, OWN, 4) for word in ("a.b:C", "a-b:c"))
    with pytest.raises(UsageError, match=r"--attacks a-b:c a\.b:C: both would be called a-b-c; rename one"):
        all_different([other, own])
    with pytest.raises(UsageError, match="names a-b:c/mine twice"):
        all_different([other, other])
