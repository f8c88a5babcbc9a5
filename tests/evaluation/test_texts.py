"""`keyhole attack --text`: which text was kept is told and kept with the run, and captions are asked for in time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings
from keyhole.nn.text_tower import TextTower
from keyhole.service.errors import UsageError
from tests.priors.tiny_priors import stable

pytest.importorskip("transformers")
TEXTS = ("a red van on a snow field", "a blue bus in fog")


@pytest.fixture
def settings(tmp_path: Path) -> AttackSettings:
    folder = stable(tmp_path / "prior")
    torch.manual_seed(0)
    TextTower.fresh(list(TEXTS) * 20, width=8, layers=1, embedding=4, length=12).save(folder)
    return AttackSettings(
        target="tests.system.tiny_target:tiny",
        source="leaves",
        public="leaves",
        cuts=("stem",),
        attacks=("diffusion-white/noise", "pixels-white"),
        prior=str(folder),
        text=TEXTS,
        n=2,
        iterations=2,
        sampling_steps=1,
        metrics=("ssim",),
        json=tmp_path / "scores.json",
        out=tmp_path / "kept",
    )


def test_the_report_says_which_text_was_kept_for_each_picture(
    settings: AttackSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for _ in range(2):  # the second time from what the first has kept
        attack(settings)
        assert settings.json is not None
        told.append(json.loads(settings.json.read_text()))
        printed = " ".join(capsys.readouterr().out.split())
        diffusion, pixels = told[-1]["rows"]
        kept = diffusion["texts_by_seed"]["0"]
        assert len(kept) == 2
        assert set(kept) <= set(TEXTS)
        assert f"diffusion-white/noise stem kept '{kept[0]}' for" in printed
        assert "by their features alone" in printed
        assert diffusion["text"] == list(TEXTS)
        assert "texts_by_seed" not in pixels
    assert told[0]["rows"][0]["texts_by_seed"] == told[1]["rows"][0]["texts_by_seed"]
    assert list(settings.out.rglob("texts.json"))


def test_one_text_is_told_nothing_chosen_and_what_it_gets_alone_is_a_row(
    settings: AttackSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    attack(replace(settings, text=TEXTS[:1], attacks=("diffusion-white/noise",)))
    assert settings.json is not None
    document = json.loads(settings.json.read_text())
    (row,) = document["rows"]
    assert row["text"] == TEXTS[0]
    assert "texts_by_seed" not in row
    sample = document["blind"]["recipes"]["sample"]["ssim"]["mean"]
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "text alone" in line)
    assert f"{sample:.3f}" in line
    attack(replace(settings, text=(), attacks=("diffusion-white/noise",)))
    assert "text alone" not in capsys.readouterr().out


def test_a_black_box_needs_public_pictures_with_captions(settings: AttackSettings) -> None:
    with pytest.raises(UsageError, match=r"--public leaves: of 256 pictures on end none has a caption"):
        attack(replace(settings, attacks=("diffusion-black",)))
