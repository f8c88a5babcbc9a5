"""What the scores of `keyhole attack` mean: the blind attacker below, the true pictures' thumbnails above."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.evaluation import blind, run, scale
from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings
from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import SIDES, shrunk
from keyhole.service.errors import UsageError
from tests.attacks.tiny import pictures

SIZE = 32


@pytest.fixture
def settings(tmp_path):
    for pool, seed in (("audit", 0), ("public", 1)):
        place = tmp_path / "pictures" / pool
        place.mkdir(parents=True)
        for number, picture in enumerate(pictures(6, seed=seed, size=SIZE)):
            transform.to_pil_image(picture).save(place / f"{number}.png")
    return AttackSettings(
        target="tests.system.tiny_target:tiny",
        source=str(tmp_path / "pictures"),
        public=str(tmp_path / "pictures"),
        cuts=("stem",),
        n=6,
        batch=6,
        iterations=20,
        json=tmp_path / "scores.json",
    )


def written(settings: AttackSettings) -> dict:
    assert attack(settings) == 0
    return json.loads(settings.json.read_text())


def test_the_blind_attacker_is_the_best_of_its_recipes(settings, capsys):
    found = written(settings)
    recipes = found["blind"]["recipes"]
    assert set(recipes) == {"mean", "nearest", "flat", "sample"}
    for metric in ("ssim", "psnr", "eq14"):
        best = found["blind"]["best"][metric]
        assert best["mean"] == max(recipe[metric]["mean"] for recipe in recipes.values())
        assert recipes[best["recipe"]][metric] == {"mean": best["mean"], "ci95": best["ci95"]}
        assert best["mean"] == pytest.approx(fmean(one[metric] for one in recipes[best["recipe"]]["pictures"]))
    public = torch.stack([transform.to_image(picture) for picture in _folder(settings, "public")]).float() / 255
    truths = torch.stack([transform.to_image(picture) for picture in _folder(settings, "audit")]).float() / 255
    flat = public.mean(dim=(0, 2, 3), keepdim=True)
    expected = [float(-10 * (flat - truth).square().mean().log10()) for truth in truths]
    assert recipes["flat"]["psnr"]["mean"] == pytest.approx(fmean(expected), abs=0.2)
    (row,) = found["rows"]
    for metric in ("ssim", "psnr"):
        above = row[f"{metric}_mean"] - found["blind"]["best"][metric]["mean"]
        assert row["above_blind"][metric]["mean"] == pytest.approx(above)
    assert f"blind attacker: ssim {found['blind']['best']['ssim']['mean']:.3f}" in capsys.readouterr().out.lower()


def _folder(settings, pool):
    place = settings.json.parent / "pictures" / pool
    return [Image.open(path) for path in sorted(place.iterdir())]


def test_a_leak_is_told_as_the_thumbnail_that_scores_the_same(settings, capsys):
    found = written(settings)
    assert found["scale"]["sides"] == [*(side for side in SIDES if side < SIZE), SIZE]
    truths = torch.stack([transform.to_image(picture) for picture in _folder(settings, "audit")]).float() / 255
    thumbnails = shrunk(truths, 8)
    expected = sorted(METRICS["ssim"].scores(thumbnails, truths))
    at = found["scale"]["sides"].index(8)
    assert sorted(found["scale"]["scores"]["ssim"][at]) == pytest.approx(expected, abs=1e-5)
    (row,) = found["rows"]
    side, (low, high) = row["thumbnail"]["side"], row["thumbnail"]["ci95"]
    assert low <= side <= high
    means = {
        side: fmean(one) for side, one in zip(found["scale"]["sides"], found["scale"]["scores"]["ssim"], strict=True)
    }
    smaller, larger = (max(s for s in means if s <= side), min(s for s in means if s >= side))
    assert means[smaller] <= row["ssim_mean"] <= means[larger]
    assert set(row["thumbnails"]) == {"ssim", "psnr", "eq14"}
    said = " ".join(capsys.readouterr().out.split())
    assert f"as sharp as a {row['thumbnail']['text'].partition(' [')[0]} thumbnail" in said


def test_what_is_no_nearer_than_the_blind_attacker_is_nothing(settings, capsys):
    blurred = replace(settings, defence="gaussian:scale=100")
    (row,) = written(blurred)["rows"]
    assert row["above_blind"]["ssim"]["mean"] < 0
    assert (row["thumbnail"]["side"], row["thumbnail"]["text"].partition(" [")[0]) == (0, "nothing")
    assert "nothing that the blind attacker does not show" in " ".join(capsys.readouterr().out.split())


def test_the_blind_attacker_alone_attacks_nothing(settings, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "reconstruct_all", lambda *_: pytest.fail("attacked something"))
    found = written(replace(settings, attacks=("blind",), sheet=tmp_path / "sheet.png"))
    assert found["rows"] == []
    assert found["blind"]["best"]["ssim"]["mean"] > 0
    assert "blind" in capsys.readouterr().out
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert 2 * 224 < sheet.width < 3 * 224


def test_what_was_measured_once_is_kept(settings, tmp_path, monkeypatch):
    kept = replace(settings, out=tmp_path / "kept", n=2)
    before = written(kept)
    unmade = _unmade()
    monkeypatch.setattr(blind, "blind_recipes", lambda: unmade)
    measured = []
    measure = scale.ThumbnailScale.measure
    monkeypatch.setattr(
        scale.ThumbnailScale, "measure", lambda shown, *rest: measured.append(len(shown)) or measure(shown, *rest)
    )
    again = written(kept)
    assert (again["blind"], again["scale"], again["rows"][0]["thumbnail"]) == (
        before["blind"],
        before["scale"],
        before["rows"][0]["thumbnail"],
    )
    assert measured == []
    more = written(replace(kept, n=5))
    assert measured == [3]
    assert [row[:2] for row in more["scale"]["scores"]["ssim"]] == before["scale"]["scores"]["ssim"]


def _unmade():
    """The recipes, none of which may make its picture again."""

    def fail(*_):
        pytest.fail("made a picture again")

    return [replace(choice, recipe=replace(choice.recipe, choose=fail)) for choice in blind.blind_recipes()]


def test_a_prior_that_has_nothing_to_sample_from_is_said(settings, capsys):
    found = written(replace(settings, prior="nowhere"))
    assert set(found["blind"]["recipes"]) == {"mean", "nearest", "flat"}
    assert "no such prior" in found["blind"]["left_out"]["sample"]
    assert "left out: sample (--prior nowhere: no such prior" in " ".join(capsys.readouterr().out.split())


def test_public_pictures_are_needed(settings):
    with pytest.raises(UsageError, match="--public"):
        attack(replace(settings, public="nowhere"))


def test_the_unit_is_by_ssim_whatever_was_asked_for(settings):
    (usual,) = written(settings)["rows"]
    (row,) = written(replace(settings, metrics=("l2",)))["rows"]
    assert row["thumbnail"] == usual["thumbnail"]
    assert "ssim_mean" not in row
    assert list(row["pictures"][0]) == ["l2", "eq14"]
    assert set(row["thumbnails"]) == {"l2", "ssim", "eq14"}


def test_a_metric_of_ones_own_has_a_thumbnail_too(settings):
    own = "tests.evaluation.own_metric:darkness"
    found = written(replace(settings, metrics=(own, "tests.evaluation.own_metric:spread")))
    (row,) = found["rows"]
    assert row["thumbnails"][own]["side"] > 0
    assert row["above_blind"][own]["mean"] < 0
    recipes = found["blind"]["recipes"]
    assert found["blind"]["best"][own]["mean"] == min(recipe[own]["mean"] for recipe in recipes.values())
    assert found["blind"]["best"]["tests.evaluation.own_metric:spread"]["mean"] == 0


def test_rows_are_compared_picture_by_picture(settings, capsys):
    two = replace(settings, attacks=("pixels-white", "pixels-white/paper"), cuts=("stem", "block.first"), n=5)
    found = written(replace(two, against="pixels-white@stem"))
    first = found["rows"][0]
    for row in found["rows"][1:]:
        differences = [
            one["ssim"] - other["ssim"] for one, other in zip(row["pictures"], first["pictures"], strict=True)
        ]
        assert row["above_against"]["mean"] == pytest.approx(fmean(differences))
        low, high = row["above_against"]["ci95"]
        assert min(differences) <= low <= fmean(differences) <= high <= max(differences)
    assert first["above_against"] is None
    assert "SSIM above: than pixels-white@stem, picture by picture." in " ".join(capsys.readouterr().out.split())
    for cut in ("stem", "block.first"):
        rows = [row for row in found["rows"] if row["cut"] == cut]
        best = max(rows, key=lambda row: row["ssim_mean"])
        assert [row["above_strongest"] is None for row in rows] == [row is best for row in rows]
    blind_ = written(replace(two, against="blind"))
    assert all(row["above_against"] == row["above_blind"]["ssim"] for row in blind_["rows"])


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("pixels-blak", "--against pixels-blak: expected one of blind, strongest, pixels-white"),
        ("pixels-white@layer9", "--against pixels-white@layer9: expected one of the cuts stem after @"),
        ("blind@stem", "--against blind@stem: expected"),
    ],
)
def test_a_row_that_is_not_there_is_refused_before_any_attack(settings, monkeypatch, against, message):
    monkeypatch.setattr(run, "reconstruct_all", lambda *_: pytest.fail("computed something"))
    with pytest.raises(UsageError, match=message):
        attack(replace(settings, against=against))


def test_too_few_pictures_are_said(settings, capsys):
    attack(replace(settings, n=2, iterations=1))
    assert "Too few for a conclusion: pixels-white needs 32 pictures, here are 2." in " ".join(
        capsys.readouterr().out.split()
    )
    attack(replace(settings, attacks=("pixels-black",), iterations=1, n=2, seeds=(0, 1)))
    said = " ".join(capsys.readouterr().out.split())
    assert "pixels-black needs 100 pictures and 3 seeds, here are 2 and 2." in said


def test_the_blind_attacker_that_knows_another_world_is_said(settings, capsys):
    attack(replace(settings, public="leaves", iterations=1))
    assert "The blind attacker knows --public leaves" in " ".join(capsys.readouterr().out.split())
