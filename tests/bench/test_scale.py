"""The scale of a target's pictures: the blind attacker and thumbnails, on the pictures that are attacked."""

from __future__ import annotations

import io
import statistics
from dataclasses import replace

import pytest
import torch
from PIL import Image

from keyhole.bench.axes import ScaleCell
from keyhole.bench.measure import scale as module
from keyhole.bench.measure.scale import scale
from keyhole.bench.records import ScaleRecord
from keyhole.bench.sweep import SEED, audit_pictures
from keyhole.evaluation.blind import BlindPictures
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.settings import OfflineSettings
from keyhole.judge.loading import SHIPPED, read_judge_card
from keyhole.metrics.registry import metrics_named
from tests.bench.test_measures import TINY, sweep
from tests.judge.making import Parrot, labels


def measured(at) -> tuple[ScaleRecord, dict[str, bytes]]:
    made = scale(ScaleCell(TINY), at)
    assert isinstance(made.record, ScaleRecord)
    return made.record, dict(made.files)


def test_it_has_the_blind_attacker_and_thumbnails_of_the_pictures_that_are_attacked(tmp_path):
    at = sweep(tmp_path, prior="streetcam")
    record, files = measured(at)
    assert set(record.blind) == {"mean", "nearest", "flat", "sample"}
    assert {leak.attack for leak in record.blind.values()} == {f"blind/{recipe}" for recipe in record.blind}
    truths = torch.stack([sample.picture for sample in audit_pictures(at.settings, 32, 100)])
    (ssim,) = metrics_named(("ssim",))
    assert record.thumbnails.scores["ssim"][-1] == pytest.approx([1.0] * 100, abs=1e-4)
    assert record.thumbnails.full == 32
    for leak in record.blind.values():
        assert len(leak.scores["ssim"]) == len(leak.scores["psnr"]) == len(leak.scores["fsim"]) == 100
    colour = torch.stack([picture.mean((1, 2)) for picture in truths]).mean(0)
    near = ssim.scores(colour[:, None, None].expand(100, 3, 32, 32).contiguous(), truths)
    assert statistics.fmean(record.blind["flat"].scores["ssim"]) == pytest.approx(statistics.fmean(near), abs=0.1)
    assert record.legibility is None, "leaves have no secrets"
    assert record.judge == ""
    with Image.open(io.BytesIO(files[record.sheet])) as sheet:
        assert sheet.width > 5 * 32


def test_the_blind_attackers_pictures_do_not_depend_on_the_victims_and_are_made_once_for_a_run(tmp_path, monkeypatch):
    at, shown = sweep(tmp_path, prior="streetcam"), {}
    scores = module.scored

    def seen(design, attack, pictures, *more):
        shown[attack] = pictures.clone()
        return scores(design, attack, pictures, *more)

    monkeypatch.setattr(module, "scored", seen)
    terms = OfflineSettings(public=at.settings.public, prior="streetcam")
    expected = BlindPictures.made(terms, 32, SEED, Shelf(at.folder / "reconstructions")).shown
    monkeypatch.setattr("keyhole.evaluation.blind.blind_access", lambda *_: "knows nothing to choose by")
    measured(at)
    assert {f"blind/{recipe}" for recipe in expected} == set(shown)
    for recipe, picture in expected.items():
        assert torch.equal(shown[f"blind/{recipe}"], picture.expand(100, 3, 32, 32))


def test_what_the_judge_reads_of_thumbnails_is_asked_where_pictures_have_secrets(tmp_path, monkeypatch):
    samples = audit_pictures(sweep(tmp_path).settings, 32, 12)
    known = [replace(sample, secrets=labels(identity=str(n % 11))) for n, sample in enumerate(samples)]
    judge = Parrot()
    gallery = {str(n): judge.embed(known[n].picture[None]) for n in range(11)}
    monkeypatch.setattr("keyhole.bench.measure.scale.audit_pictures", lambda *_, **__: known)
    monkeypatch.setattr("keyhole.bench.measure.scale.judge_and_gallery", lambda _: (judge, gallery))
    monkeypatch.setattr("keyhole.judge.examination.judge_and_gallery", lambda _: (judge, gallery))
    record, _ = measured(sweep(tmp_path, prior="streetcam"))
    assert record.legibility.sides == record.thumbnails.sides
    assert record.legibility.secrets["vehicle"].share(-1).value == pytest.approx(11 / 12)
    assert record.guessed("vehicle").value < 0.3
    assert record.judge == read_judge_card(SHIPPED).sha256
