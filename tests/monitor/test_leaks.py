"""Leaks of a run, live and stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import torch

from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import ThumbnailScale, shrunk
from keyhole.service.lifecycle import Stop
from keyhole.wire.pictures import pack_picture
from monitor.alarm_threshold import AlarmThreshold
from monitor.history import read_history
from monitor.leak_meter import CANDIDATES, KEPT, LeakMeter
from monitor.leaks import LeakScale
from monitor.referee import Referee
from monitor.report import write_report
from monitor.store import RunStore
from tests.monitor.making import blind, guess, measured, pixels, truth


def thumbnail(frame_id: str, scene: int, side: int, **fields):
    """A reconstruction that is the true picture's thumbnail."""
    picture = (shrunk(pixels(scene)[None], side)[0] * 255).round() / 255
    return guess(frame_id, picture=pack_picture(picture), final=True, **fields)


def attack(referee: Referee, frames: int, side: int) -> None:
    for number in range(frames):
        frame = f"edge-0-{number}"
        referee.witness(truth(frame, scene=number))
        referee.submit(blind(frame, "flat", 0.5))
        referee.submit(blind(frame, "mean", 0.95))
        referee.submit(thumbnail(frame, number, side))


def test_reconstructions_that_are_thumbnails_are_told_as_what_they_are() -> None:
    meter = LeakMeter()
    attack(Referee([meter]), 8, side=8)
    assert meter.leaks == {}
    measured(meter)
    leak = meter.leaks["pixels-white"]
    assert leak.frames == 8
    assert leak.thumbnail.side == pytest.approx(8, rel=0.02)
    assert leak.thumbnail.full == 24
    one = meter.of_frame("edge-0-0", leak.ssim)
    assert one is not None
    assert one.frames == 1


def test_the_blind_attacker_is_its_best_picture_over_all_frames() -> None:
    scale: LeakScale[str] = LeakScale(10)
    for frame, flat, mean in (("a", 0.2, 0.6), ("b", 0.5, 0.3)):
        scale.add_blind(frame, "flat", flat)
        scale.add_blind(frame, "mean", mean)
    assert scale.blind == "mean"
    measured_scale = ThumbnailScale.measure(pixels()[None], [METRICS["ssim"]])
    scale.add_scale("b", measured_scale)
    leak = scale.leak({"b": 0.31})
    assert leak is not None
    assert leak.thumbnail.side > 0, "above the mean's score on this frame, though below the flat one's"
    leak = scale.leak({"b": 0.3})
    assert leak is not None
    assert leak.thumbnail.side == 0
    assert scale.leak({"a": 0.9}) is None, "without a scale"


def test_the_leaks_of_many_are_those_of_each() -> None:
    scale: LeakScale[int] = LeakScale(30)
    for frame in range(20):
        picture = pixels(frame)[None] if frame % 3 else pixels(frame)[None, :, :16, :16]
        if frame % 4:
            scale.add_scale(frame, ThumbnailScale.measure(picture, [METRICS["ssim"]]))
        if frame % 5:
            scale.add_blind(frame, "flat", 0.1 + 0.01 * frame)
    scores = [(frame, ssim) for ssim in (0.05, 0.4, 0.7, 1.0) for frame in range(20)]
    found = scale.leak_of_each(scores)
    assert found == [scale.leak({frame: ssim}) for frame, ssim in scores]
    assert {leak.thumbnail.full for leak in found if leak} == {16, 24}
    assert None in found
    assert LeakScale[int](3).leak_of_each(scores[:2]) == [None, None]


def test_what_is_measured_first_is_what_most_attacks_finished_and_no_more_wait_than_there_is_room() -> None:
    told: list[str] = []
    meter = LeakMeter(lambda seen, _: told.append(seen.frame_id))
    referee = Referee([meter])
    for number in range(CANDIDATES + 5):
        referee.witness(truth(f"edge-0-{number}"))
        referee.submit(guess(f"edge-0-{number}", final=True))
    referee.submit(guess("edge-0-20", "pixels-black", final=True))
    assert meter.measure_next()
    assert told == ["edge-0-20"]
    assert meter.measure_next()
    assert told[1] == f"edge-0-{CANDIDATES + 4}", "the newest of the others"
    while meter.measure_next():
        pass
    assert len(told) == CANDIDATES


def test_its_thread_measures_and_at_the_end_what_several_attacks_finished() -> None:
    told: list[str] = []
    meter, stop = LeakMeter(lambda seen, _: told.append(seen.frame_id)), Stop()
    referee = Referee([meter])
    for number in range(3):
        referee.witness(truth(f"edge-0-{number}"))
        referee.submit(guess(f"edge-0-{number}", final=True))
    referee.submit(guess("edge-0-1", "pixels-black", final=True))
    stop.set()
    threads = torch.get_num_threads()
    meter.measure(stop)
    torch.set_num_threads(threads)
    assert told == ["edge-0-1"]


def test_another_frame_of_the_same_name_has_no_scale_yet() -> None:
    meter = LeakMeter()
    referee = Referee([meter])
    attack(referee, 1, side=8)
    measured(meter)
    assert meter.of_frame("edge-0-0", 0.5) is not None
    referee.witness(truth("edge-0-0", scene=1, captured_at=2000.0))
    assert meter.of_frame("edge-0-0", 0.5) is None


def test_a_run_that_goes_on_knows_the_scales_and_blind_scores_of_its_earlier_life(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    meter = LeakMeter(store.add_scale)
    attack(Referee([store, meter]), 6, side=4)
    measured(meter)
    store.close()
    again = RunStore(tmp_path, keep=10)
    later = LeakMeter(again.add_scale)
    later.know(*again.known_scales(KEPT))
    again.close()
    assert later.blind == meter.blind == "flat"
    ssim = meter.leaks["pixels-white"].ssim
    assert later.of_frame("edge-0-3", ssim) == meter.of_frame("edge-0-3", ssim)


def test_a_stored_runs_report_tells_leaks_as_the_page_did_and_the_blind_attacker_is_one_row(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    store.set_threshold(AlarmThreshold(3.0, "from here on the judge tells vehicles apart"))
    meter = LeakMeter(store.add_scale)
    attack(Referee([store, meter]), 6, side=4)
    measured(meter)
    store.close()
    summary = write_report(tmp_path)
    assert list(summary.attacks) == ["pixels-white", "blind"]
    assert summary.attacks["pixels-white"].leak == meter.leaks["pixels-white"]
    floor = summary.attacks["blind"]
    assert (floor.n, floor.shows, floor.thumbnail, floor.knowledge) == (6, "flat", "nothing", "blind")
    assert summary.frames_scored == 6
    page = (tmp_path / "report.html").read_text()
    assert "on average as sharp as thumbnails of <b>4 px" in page
    assert "≥ 3 px" in page
    assert "from here on the judge tells vehicles apart" in page
    assert ">6 of 6<" in page
    assert "blind: flat" in page
    assert page.count("<svg") == 3
    assert not list(tmp_path.glob("pictures/*/blind*"))
    assert [path.name for path in sorted((tmp_path / "blind").iterdir())] == ["flat.png", "mean.png"]


def test_frames_that_only_the_blind_attacker_met_are_not_attacked(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    for name in ("edge-0-1", "edge-0-2"):
        referee.witness(truth(name))
        referee.submit(blind(name))
    referee.submit(guess("edge-0-1", final=True))
    store.close()
    history = read_history(tmp_path)
    assert (history.ledger.scored, dict(history.ledger.unscored)) == (1, {"not attacked": 1})
    assert [score.attack for score in history.scores] == ["pixels-white"]


@pytest.mark.parametrize("table", ["scales", "facts"])
def test_a_run_that_is_older_than_scales_says_what_is_missing(tmp_path: Path, table: str) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    referee.witness(truth())
    referee.submit(guess(final=True))
    store.close()
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute(f"drop table {table}")
    summary = write_report(tmp_path)
    assert summary.attacks["pixels-white"].thumbnail == "–"
    page = (tmp_path / "report.html").read_text()
    assert "No blind attacker ran" in page
    assert "The alarm starts at 8 px: the run has none of its own" in page
