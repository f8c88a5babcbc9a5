"""What the attacks reach on the shipped model and on photographs."""

import json
from pathlib import Path

import pytest

from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings

PICTURES = 2
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def ssim_by_cut(tmp_path: Path, **flags: object) -> dict[str, float]:
    out = tmp_path / "scores.json"
    assert attack(AttackSettings(n=PICTURES, batch=PICTURES, every=40, json=out, **flags)) == 0  # type: ignore[arg-type]
    return {row["alias"]: row["ssim_mean"] for row in json.loads(out.read_text())["rows"]}


def test_a_white_box_sees_less_the_deeper_the_cut(tmp_path: Path) -> None:
    seen = ssim_by_cut(tmp_path, cuts=("layer1", "layer2", "layer3"), iterations=200)
    assert seen["L4"] > 0.8
    assert seen["L4"] > seen["L8"] > seen["L12"]


def test_a_white_box_that_knows_the_defence_sees_more(tmp_path: Path) -> None:
    cut = {"cuts": ("layer1",), "iterations": 200, "defence": "topk:share=0.1"}
    unaware = ssim_by_cut(tmp_path, **cut, unaware=True)["L4"]
    assert ssim_by_cut(tmp_path, **cut)["L4"] > unaware + 0.1
