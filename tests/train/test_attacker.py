"""`keyhole train attacker` on a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from keyhole.attacks.attacker_key import network_recipe, recipe_text
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.ladders import LADDERS
from keyhole.attacks.registry import choose
from keyhole.service.errors import UsageError
from keyhole.targets.stored_weights import CARD, WEIGHTS
from keyhole.train.attacker.command import NETWORKS, attacker
from keyhole.train.attacker.settings import AttackerSettings


@pytest.fixture
def settings(tmp_path):
    return AttackerSettings(
        target="tests.system.tiny_target:tiny",
        cut="stem",
        public="leaves",
        attack="pixels-black",
        steps=90,
        audit=6,
        out=tmp_path / "one",
    )


def test_it_leaves_weights_with_a_card_of_what_they_are_of(settings, capsys):
    assert attacker(settings) == 0
    card = json.loads((settings.out / CARD).read_text())
    assert (card["attack"], card["steps"], card["seed"]) == ("pixels-black/strong", 90, 0)
    assert card["queries"] == 96 + 8 * (90 // 4)
    assert (card["key"]["cut"], card["key"]["codec"], card["key"]["public"]) == ("stem", "fp32", "leaves")
    figures = card["figures"]
    assert figures["ssim_low"] < figures["ssim"] < figures["ssim_high"]
    assert figures["ssim"] > figures["blind_ssim"] + 0.1
    assert figures["above_blind_ssim"] == pytest.approx(figures["ssim"] - figures["blind_ssim"], abs=2e-3)
    assert "--attackers" in capsys.readouterr().out


def test_a_stopped_training_goes_on_to_the_same_network(settings, tmp_path, monkeypatch):
    train, done = BlackBoxAttack.train, []

    def interrupted(attack, steps=None):
        if sum(done) >= 60:
            raise KeyboardInterrupt
        train(attack, steps)
        done.append(steps)

    monkeypatch.setattr("keyhole.train.checkpoint.EVERY_SECONDS", 0.0)
    whole, stopped = replace(settings, audit=0), replace(settings, audit=0, out=tmp_path / "two")
    attacker(whole)
    with monkeypatch.context() as patched:
        patched.setattr(BlackBoxAttack, "train", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"60 of 90 steps are kept in .*two/checkpoint"):
            attacker(stopped)
    assert not (stopped.out / CARD).exists()
    with pytest.raises(UsageError, match=r"of another training \(codec was fp32 and is int8\)"):
        attacker(replace(stopped, codec="int8"))
    done.clear()
    monkeypatch.setattr(BlackBoxAttack, "train", lambda attack, steps: (done.append(steps), train(attack, steps)))
    attacker(stopped)
    assert sum(done) == 30
    assert (stopped.out / WEIGHTS).read_bytes() == (whole.out / WEIGHTS).read_bytes()


def test_a_decoder_ladder_takes_what_is_trained_as_decoder_black():
    for recipe, ladder in LADDERS["decoder-ladder"].recipes.items():
        for name in ("decoder-black", "decoder-ladder"):
            trained = choose(f"{name}/{recipe}", "strong", NETWORKS).recipe
            assert recipe_text(trained) == recipe_text(network_recipe(ladder))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"attack": "pixels-white"}, "trains no network that is saved"),
        ({"steps": 0}, "--steps 0: expected 1 or more"),
        ({"audit": 1}, "--audit 1: expected 2 or more, or 0"),
        ({"codec": "fp8"}, "fp8"),
        ({"defence": "fog"}, "fog"),
        ({"cut": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(settings, changed, expected):
    with pytest.raises(UsageError, match=expected):
        attacker(replace(settings, **changed))
    assert not settings.out.exists()
