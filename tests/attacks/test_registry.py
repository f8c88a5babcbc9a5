"""An attack and its recipe in one word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from keyhole.attacks.entry import outlined
from keyhole.attacks.registry import ATTACKS, ONLINE, choose, choose_all
from keyhole.service.errors import UsageError
from monitor.validation import ATTACK


def test_a_word_names_attack_and_recipe():
    named = choose("diffusion-white/guided", "strong", ATTACKS)
    assert (named.attack, named.recipe_name, named.entry) == ("diffusion-white", "guided", ATTACKS["diffusion-white"])
    assert named.recipe is ATTACKS["diffusion-white"].recipes["guided"]
    plain = choose("pixels-white", "paper", ATTACKS)
    assert (plain.attack, plain.recipe_name, plain.name) == ("pixels-white", "paper", "pixels-white")


def test_every_name_can_name_a_file():
    words = [f"{attack}/{recipe}" for attack, entry in ONLINE.items() for recipe in entry.recipes]
    names = [choice.name for choice in choose_all(words, "strong", ONLINE)]
    assert all(ATTACK.fullmatch(name) for name in names)
    assert len(set(names)) == len(words)


@pytest.mark.parametrize(
    ("words", "recipe", "message"),
    [
        (("pixels-grey",), "strong", "unknown attack 'pixels-grey': did you mean"),
        (
            ("pixels-white/guided",),
            "strong",
            "'guided': pixels-white has strong, paper, filtered, rmle, .* as in pixels-white/strong",
        ),
        (("diffusion-white", "pixels-white"), "guided", "unknown recipe 'guided': pixels-white has strong, paper"),
        (("pixels-white/",), "strong", "unknown recipe ''"),
        (("pixels-white", "pixels-white/strong"), "strong", "--attacks names pixels-white/strong twice"),
    ],
)
def test_what_there_is_not_is_refused(words, recipe, message):
    with pytest.raises(UsageError, match=message):
        choose_all(words, recipe, ATTACKS)


def test_an_own_recipe_need_not_outline_its_rungs():
    assert outlined(SimpleNamespace(learns=False)) == ()
    assert [rung.name for rung in outlined(ONLINE["diffusion-ladder"].recipes["strong"])] == ["amortised", "refined"]
