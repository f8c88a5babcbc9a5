"""Trained attackers in offline runs: all that they depend on, and networks that a run's folder keeps."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.registry import ATTACKS, choose
from keyhole.data.public import public_hash
from keyhole.evaluation.attackers import FOLDER, attacker_key
from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings, OfflineSettings
from keyhole.partition import partitioned
from keyhole.service.errors import UsageError
from keyhole.train.attacker.command import attacker
from keyhole.train.attacker.settings import AttackerSettings
from tests.attacks.tiny import pictures
from tests.priors.tiny_priors import stable

TINY = {"target": "tests.system.tiny_target:tiny", "cut": "stem", "public": "leaves"}


def key(word: str = "pixels-black", **changed):
    settings = OfflineSettings(**{**TINY, **changed})
    return attacker_key(settings, choose(word, "strong", ATTACKS), *partitioned(settings))


def test_every_ingredient_of_a_network_is_in_its_key(tmp_path):
    prior, other_prior = stable(tmp_path / "prior"), tmp_path / "other"
    shutil.copytree(prior, other_prior)
    weights = next(other_prior.glob("vae/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    keys = [
        key(),
        key(target="tests.system.tiny_target:other"),
        key(cut="block.first"),
        key(size=16),
        key(defence="gaussian:scale=0.5"),
        key(defence="gaussian:scale=0.25"),
        key(codec="int8"),
        key(frames=4, defence="gaussian:scale=0.5"),
        key(public="photos"),
        key("pixels-black/prepared"),
        key("decoder-black", prior=str(prior)),
        key("decoder-black", prior=str(other_prior)),
        key("diffusion-black", prior=str(prior)),
        key("diffusion-black", prior=str(prior), sampling_steps=3),
    ]
    assert len({one.digest for one in keys}) == len(keys)


def test_what_makes_no_other_network_is_not_in_its_key():
    assert key(codec="fp32+zstd") == key()
    assert key(defence="gaussian:scale=0.5", unaware=True) == key()
    assert key(prior="elsewhere", source="photos", n=3, batch=2) == key()


def test_public_pictures_are_told_apart_by_what_they_are(tmp_path):
    for number, picture in enumerate(pictures(12, size=32)):
        place = tmp_path / "public" / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        transform.to_pil_image(picture).save(place)
    before = public_hash(str(tmp_path), 32)
    for number in range(12):
        public_hash.cache_clear()
        transform.to_pil_image(torch.rand(3, 32, 32)).save(tmp_path / "public" / f"{number}.png")
        after = public_hash(str(tmp_path), 32)
        assert after != before
        before = after
    assert public_hash(str(tmp_path), 16) != before


def test_attacks_that_train_no_network_of_queries_have_no_key():
    with pytest.raises(UsageError, match="pixels-white/strong trains no network that is saved"):
        key("pixels-white")


@pytest.fixture
def settings(tmp_path):
    return AttackSettings(
        **TINY,
        source="leaves",
        attacks=("pixels-black",),
        n=3,
        iterations=12,
        queries=24,
        judge=False,
        out=tmp_path / "out",
        json=tmp_path / "scores.json",
    )


def row(settings) -> dict:
    attack(settings)
    (found,) = json.loads(settings.json.read_text())["rows"]
    return found


def untrainable(monkeypatch):
    monkeypatch.setattr(BlackBoxAttack, "_begin", lambda _: pytest.fail("it trains again"))


def test_a_network_is_trained_once_for_all_runs_into_a_folder(settings, monkeypatch):
    first = row(settings)
    assert len([*(settings.out / FOLDER).glob("*/card.json")]) == 1
    with monkeypatch.context() as patched:
        untrainable(patched)
        more = row(replace(settings, n=4))
        assert more["pictures"][:3] == first["pictures"]
        assert more["preparation"] == first["preparation"]
        assert (more["preparation"]["steps"], more["preparation"]["pictures"]) == (12, 24)
    row(replace(settings, iterations=13))
    row(replace(settings, queries=32))
    row(replace(settings, seeds=(1,)))
    row(replace(settings, cut="block.first"))
    assert len([*(settings.out / FOLDER).glob("*/card.json")]) == 5


def test_a_trained_attacker_is_found_by_the_folder_that_is_named(settings, tmp_path, monkeypatch, capsys):
    store = tmp_path / "store"
    trained = AttackerSettings(**TINY, attack="pixels-black", steps=30, queries=40, audit=0, out=store / "stem")
    assert attacker(trained) == 0
    capsys.readouterr()
    named = replace(settings, attackers=(store,), iterations=None, queries=None)
    untrainable(monkeypatch)
    found = row(named)
    assert found["iterations"] == 30
    assert (found["attacker"]["steps"], found["attacker"]["queries"]) == (30, 40)
    said = " ".join(capsys.readouterr().out.split())
    assert "pixels-black learned before it saw a frame: 30 steps on 40 queries" in said
    with pytest.raises(UsageError, match=r"none serves pixels-black/strong at block.first.*cut was stem and is block"):
        attack(replace(named, cut="block.first"))
    with pytest.raises(UsageError, match=r"steps was 30 and is 31"):
        attack(replace(named, iterations=31))
