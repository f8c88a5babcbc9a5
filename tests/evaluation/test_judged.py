"""What the judge reads from the reconstructions of `keyhole attack`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from keyhole.data import open_source, take_samples
from keyhole.evaluation import judged
from keyhole.evaluation.command import attack
from keyhole.evaluation.judged import Examiner, ReadShare
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.report import read_text
from keyhole.evaluation.settings import AttackSettings
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE, ReadSecret
from keyhole.metrics.interval import share_interval

SEEDS = 3


def test_seeds_of_a_picture_are_no_pictures_of_their_own():
    right = [[1, 1, 0, 0, 1, 0, 0, 1, 1, 1]]
    asked = [1] * 10
    once, thrice = (ReadShare.of(ReadSecret(right * seeds, asked, 0.01)) for seeds in (1, SEEDS))
    assert once == thrice
    assert (once.value, once.asked, once.pictures) == (0.6, 10, 10)
    assert once.interval == share_interval(6, 10)


def test_glyphs_of_a_plate_stand_and_fall_together():
    asked = [6] * 10
    together = ReadShare.of(ReadSecret([[6, 0] * 5], asked, 1 / 36))
    apart = ReadShare.of(ReadSecret([[3] * 10], asked, 1 / 36))
    assert together.value == apart.value == 0.5
    assert together.interval[1] - together.interval[0] > 0.3
    assert apart.interval == (0.5, 0.5)


@pytest.mark.parametrize(
    ("right", "asked", "guessing", "text"),
    [
        ([0, 1, 0, 0, 0, 0], [1] * 6, 0.4, "17 %\nas by guessing"),
        ([1] * 30 + [0] * 10, [1] * 40, 0.4, "75 %\n[60, 86]"),
        ([1, 0, 0, 0], [1] * 4, 0.01, "1 of 4\ntoo few"),
    ],
)
def test_what_is_read_as_by_guessing_is_said(right, asked, guessing, text):
    found = ReadShare.of(ReadSecret([right], asked, guessing))
    assert read_text(found) == text
    assert found.as_by_guessing == ("[" not in text)


@pytest.fixture(scope="module")
def examiner(tmp_path_factory):
    """Of the first pictures at the size that the judge was made for, looked up among those of ten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "GALLERY", 10)
        samples = take_samples(open_source("streetcam", pool="audit", size=128, seed=0, secrets=True), 8)
        shelf, started = Shelf(tmp_path_factory.mktemp("kept") / "out"), []

        def start(count: int):
            started.append(count)
            return lambda: None

        settings = AttackSettings(source="streetcam", n=8)
        first = Examiner.ready(settings, samples, 128, 0, shelf, start)
        again = Examiner.ready(settings, samples, 128, 0, shelf, start)
    return samples, first, again, started


def test_vehicles_are_enrolled_once(examiner):
    samples, first, again, started = examiner
    assert started == [len(first.gallery)]
    assert len(first.gallery) >= 8
    assert {sample.secrets.identity for sample in samples} <= first.gallery.keys()
    assert first.gallery.keys() == again.gallery.keys()
    assert all(torch.equal(first.gallery[name], again.gallery[name]) for name in first.gallery)


def test_the_truth_is_read_better_than_grey(examiner):
    samples, first, *_ = examiner
    truths = torch.stack([sample.picture for sample in samples])
    clear, grey = first.read([truths, truths]), first.read([torch.full_like(truths, 0.5)])
    assert list(clear) == [name for name in (PLATE, DRIVER, VEHICLE) if name in clear]
    assert clear[VEHICLE].value > grey[VEHICLE].value
    assert clear[VEHICLE].guessing == pytest.approx(1 / len(first.gallery))
    assert grey[VEHICLE].as_by_guessing


def test_pictures_without_secrets_need_no_judge():
    samples = take_samples(open_source("leaves", pool="audit", size=32, secrets=True), 2)
    settings = AttackSettings(source="leaves")
    assert Examiner.ready(settings, samples, 32, 0, Shelf(None), lambda _: pytest.fail("enrolled")) is None


def test_what_the_judge_read_stands_first(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(judged, "GALLERY", 10)
    monkeypatch.setenv("COLUMNS", "80")
    settings = AttackSettings(
        target="tests.system.tiny_target:tiny",
        size=128,
        cuts=("stem",),
        public="leaves",
        n=5,
        batch=5,
        iterations=1,
        json=tmp_path / "scores.json",
    )
    assert attack(settings) == 0
    found = json.loads(settings.json.read_text())
    (row,) = found["rows"]
    assert row["read"]["vehicle"]["pictures"] == row["read"]["vehicle"]["asked"] == 5
    assert set(found["blind"]["best_read"]) == set(row["read"])
    for secret, best in found["blind"]["best_read"].items():
        assert best["share"] == max(each["read"][secret]["share"] for each in found["blind"]["recipes"].values())
    shown = capsys.readouterr().out
    (heading,) = (line for line in shown.splitlines() if "vehicle" in line and "PSNR" in line)
    assert heading.index("vehicle") < heading.index("SSIM") < heading.index("PSNR")
    assert "guessing gets" in " ".join(shown.split())
    assert attack(replace(settings, judge=False, n=1)) == 0
    found = json.loads(settings.json.read_text())
    assert (found["rows"][0]["read"], found["blind"]["best_read"]) == ({}, {})
    assert "vehicle" not in capsys.readouterr().out
