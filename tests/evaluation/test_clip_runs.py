"""`keyhole attack` on clips: frames of one clip are attacked together, shown together and counted together."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from torchvision.transforms.v2 import functional as transform

from keyhole.evaluation import sheet
from keyhole.evaluation.command import attack
from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.settings import AttackSettings
from keyhole.judge.legibility import ReadSecret
from keyhole.metrics.interval import answers_interval
from keyhole.service.errors import UsageError
from tests.attacks.tiny import pictures


@pytest.fixture
def settings(tmp_path):
    """Three videos for each pool, in which a picture moves by a pixel in every frame."""
    for video, wide in enumerate(pictures(9, size=48)):
        folder = tmp_path / "videos" / str(video)
        folder.mkdir(parents=True)
        for number in range(6):
            transform.to_pil_image(wide[:, :32, number : number + 32]).save(folder / f"{number}.png")
    return AttackSettings(
        target="tests.system.tiny_target:tiny",
        source=f"clips:{tmp_path / 'videos'}",
        public=f"clips:{tmp_path / 'videos'}",
        cuts=("stem",),
        clip=3,
        n=3,
        batch=2,
        iterations=12,
        metrics=("ssim",),
        json=tmp_path / "scores.json",
        out=tmp_path / "kept",
    )


def told(settings: AttackSettings) -> dict:
    attack(settings)
    return json.loads(settings.json.read_text())


def test_clips_are_attacked_and_told(settings, capsys):
    words = ("pixels-white", "pixels-white/clip", "pixels-white/clip-paper", "pixels-white/clip-aligned")
    found = told(replace(settings, attacks=words, against="pixels-white"))
    assert (found["clip"], found["stride"]) == (3, 1)
    assert [found["videos"].count(video) for video in dict.fromkeys(found["videos"])] == [3, 3, 3]
    rows = {row["recipe"]: row for row in found["rows"]}
    assert {row["n"] for row in rows.values()} == {9}
    assert len({row["ssim_mean"] for row in rows.values()}) == 4
    assert all(row["ssim_ci95"] is None for row in rows.values())  # nine frames, and three clips
    assert rows["clip"]["above_against"]["mean"] == pytest.approx(
        rows["clip"]["ssim_mean"] - rows["strong"]["ssim_mean"]
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert "clips of 3 frames" in shown
    assert "over 3 clips" in shown
    assert "pixels-white/clip needs 32 clips, here are 3" in shown
    kept = [len(list(folder.glob("*.png"))) for folder in settings.out.glob("*/stem")]
    assert kept == [9] * len(words)


def test_a_black_box_learns_from_public_clips(settings):
    together = replace(settings, attacks=("pixels-black/clip",), n=1, queries=6)
    (row,) = told(together)["rows"]
    assert (row["recipe"], row["knowledge"], row["n"]) == ("clip", "black box", 3)
    with pytest.raises(UsageError, match="--public: leaves has no clips"):
        attack(replace(together, public="leaves", out=None))


def test_what_is_no_run_of_clips_is_refused(settings):
    with pytest.raises(
        UsageError, match="recipe clip of pixels-white/clip takes the frames of a clip together: --clip"
    ):
        attack(replace(settings, clip=1, attacks=("pixels-white/clip",)))
    with pytest.raises(UsageError, match="--stride 2: expected 1 without --clip"):
        attack(replace(settings, clip=1, stride=2))
    with pytest.raises(UsageError, match=r"none of 3 videos .* the longest has 6, and --clip 3 --stride 4 takes 9"):
        attack(replace(settings, stride=4))


def test_a_sheet_shows_all_frames_of_a_clip(settings, monkeypatch, tmp_path):
    drawn, made = [], sheet.contact_sheet
    monkeypatch.setattr(sheet, "contact_sheet", lambda columns: drawn.extend(columns) or made(columns))
    found = told(replace(settings, n=2, sheet=tmp_path / "sheet.png"))
    truth, reconstructed, *_ = drawn
    assert [tile.caption for tile in truth.tiles] == ["best", "worst of 2"]
    assert {tile.picture.size for tile in reconstructed.tiles} == {(64, 64)}  # three frames of 32 in two rows
    scores = [picture["ssim"] for picture in found["rows"][0]["pictures"]]
    means = sorted((sum(scores[at : at + 3]) / 3 for at in (0, 3)), reverse=True)
    assert [float(tile.caption.split()[-1]) for tile in reconstructed.tiles] == pytest.approx(means, abs=6e-4)


def test_what_is_read_of_a_clip_is_read_together():
    right, units = [[1, 1, 0, 0, 1, 1, 0, 0, 1, 1]], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    secret = ReadSecret(right, [1] * 10, 0.1)
    alone, together = ReadShare.of(secret), ReadShare.of(secret, units)
    assert together.value == alone.value == 0.6
    assert together.interval == answers_interval([2, 0, 2, 0, 2], [2] * 5)
    assert together.interval[1] - together.interval[0] > alone.interval[1] - alone.interval[0]
