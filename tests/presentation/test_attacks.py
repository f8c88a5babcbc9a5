"""Looks of attacks on the page and in reports."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from keyhole.attacks.registry import ATTACKS, ONLINE
from keyhole.presentation import attacks


def test_every_attack_that_names_a_colour_has_it_alone():
    own = [entry.colour for entry in ATTACKS.values()]
    assert [attacks.colour(name) for name in ATTACKS] == own
    assert len(set(own)) == len(ATTACKS)


def test_a_new_entry_is_shown_in_its_own_colour(monkeypatch):
    added = replace(ATTACKS["pixels-white"], colour="#123456")
    monkeypatch.setattr(attacks, "ONLINE", MappingProxyType({**ONLINE, "pixels-grey": added}))
    assert attacks.colour("pixels-grey") == "#123456"


def test_an_attack_without_a_colour_gets_one_by_its_name():
    assert attacks.colour("my-own-parts-grey") == attacks.colour("my-own-parts-grey") != ""
    assert attacks.colour("decoder-ladder.refined").startswith("#")
