from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from keyhole.metrics import Metric
from keyhole.service.errors import UsageError
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import pack_picture
from monitor.referee import Referee
from monitor.scoring import scoring_metrics
from monitor.settings import Limits
from tests.monitor.making import FRAME, Clock, Ear, guess, mean_square, outcome, pixels, scored, truth, worse


def test_a_match_is_scored_and_told() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth())
    score = referee.submit(guess(noise=0.1))
    expected = -10 * np.log10(mean_square(pixels(), worse(pixels(), 0.1)))
    assert score is not None
    assert (score.frame_id, score.attack) == (FRAME, "pixels-white")
    assert score.psnr == pytest.approx(expected, abs=1e-3)
    assert 0 < score.ssim < 1
    assert ear.cases[0].score == score
    assert ear.cases[0].truth.label == "cat"


def test_a_score_names_the_rung_it_is_for() -> None:
    referee = Referee([])
    made = [guess(attack="decoder-ladder", rung=rung, knowledge="black box") for rung in ("amortised", "refined")]
    referee.witness(truth())
    assert [scored(referee, each).rung for each in made] == ["amortised", "refined"]


def test_less_noise_scores_higher_and_the_truth_itself_highest() -> None:
    referee = Referee([])
    referee.witness(truth())
    scores = [scored(referee, guess(noise=noise)) for noise in (0.3, 0.1, 0.02, 0.0)]
    assert np.all(np.diff([score.psnr for score in scores]) > 0)
    assert np.all(np.diff([score.ssim for score in scores]) > 0)
    assert scores[-1].psnr == 100.0
    assert scores[-1].ssim == pytest.approx(1.0)


def test_a_reconstruction_waits_for_its_truth() -> None:
    ear = Ear()
    referee = Referee([ear])
    assert referee.submit(guess()) is None
    assert (referee.waiting, ear.cases) == (1, [])
    referee.witness(truth("edge-0-000002"))
    assert (referee.waiting, ear.cases) == (1, [])
    referee.witness(truth())
    assert (referee.waiting, len(ear.cases)) == (0, 1)
    assert ear.cases[0].score.psnr > 0


def test_one_that_waits_too_long_counts_as_unmatched() -> None:
    ear, clock = Ear(), Clock()
    referee = Referee([ear], Limits(wait_seconds=10), clock=clock)
    referee.submit(guess("edge-0-000000"))
    clock.now += 0.25
    referee.submit(guess())
    clock.now += 9.5
    referee.expire()
    assert ear.lost == []
    clock.now += 0.5
    referee.expire()  # the first has waited longer, the second exactly as long
    referee.witness(truth())
    assert [lost.frame_id for lost in ear.lost] == ["edge-0-000000", FRAME]
    assert ear.cases == []


def test_no_more_wait_than_may() -> None:
    ear = Ear()
    referee = Referee([ear], Limits(waiting=2))
    for number in range(5):
        referee.submit(guess(f"edge-0-{number}"))
    assert referee.waiting == 2
    assert [lost.frame_id for lost in ear.lost] == ["edge-0-0", "edge-0-1", "edge-0-2"]


def test_another_size_than_the_truths_is_rejected_and_says_both() -> None:
    referee = Referee([])
    referee.witness(truth(size=24))
    with pytest.raises(WireError, match=r"16×16 pixels and the frame's truth 24×24"):
        referee.submit(guess(size=16))


def test_a_waiting_one_of_another_size_counts_as_unmatched() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.submit(guess(size=16))
    referee.witness(truth(size=24))
    assert (len(ear.lost), ear.cases) == (1, [])


def test_an_edge_that_started_again_brings_new_frames_of_old_names() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth(scene=1))
    referee.witness(truth(scene=2, captured_at=2000.0))
    assert scored(referee, guess(scene=2, noise=0.0)).psnr == 100.0
    referee.witness(truth(scene=3, captured_at=500.0))  # its clock was set back
    assert scored(referee, guess(scene=3, noise=0.0)).psnr == 100.0
    assert len(ear.truths) == 3


def test_only_the_newest_truths_are_held() -> None:
    referee = Referee([], Limits(truths=2))
    for number in range(3):
        referee.witness(truth(f"edge-0-{number}"))
    assert referee.submit(guess("edge-0-0")) is None
    assert referee.submit(guess("edge-0-1")) is not None


def test_known_truths_match_without_being_told_again() -> None:
    ear = Ear()
    referee = Referee([ear], known=[truth()])
    assert referee.submit(guess()) is not None
    assert ear.truths == []


def test_outcomes_are_passed_on() -> None:
    ear = Ear()
    Referee([ear]).conclude(outcome(dropped="deadline"))
    assert ear.outcomes[0].dropped == "deadline"


def test_a_picture_for_no_frame_yet_has_the_size_of_the_frames() -> None:
    referee = Referee([])
    referee.witness(truth(size=24))
    with pytest.raises(WireError, match="16×16 pixels and the frame's truth 24×24"):
        referee.submit(guess("edge-0-9", size=16))
    assert referee.waiting == 0
    for size in (40, 32, 48):
        referee.witness(truth(f"edge-0-{size}", size=size))
    with pytest.raises(WireError, match="24×24 pixels or 32×32 pixels or 40×40 pixels: submit"):
        referee.submit(guess("edge-0-9", size=16))


def test_what_waits_and_the_truths_are_bounded_in_bytes() -> None:
    ear = Ear()
    referee = Referee([ear], Limits(waiting=1000, megabytes=2))
    picture = pack_picture(torch.rand(3, 400, 400, generator=torch.Generator().manual_seed(0)))
    held = len(picture.png) + 3 * 400 * 400  # the PNG and the decoded pixels
    fit, frames = (2 << 20) // held, [f"edge-0-{number}" for number in range(6)]
    assert 2 <= fit < len(frames)
    for frame in frames:
        referee.submit(guess(frame, picture=picture))
    assert referee.waiting == fit
    assert ear.reasons == ["crowded out"] * (len(frames) - fit)
    for frame in frames:
        referee.witness(truth(frame, picture=picture))
    matched = [referee.submit(guess(frame, picture=picture, final=True)) is not None for frame in frames]
    assert matched == [False] * (len(frames) - fit) + [True] * fit


def test_a_broken_picture_is_refused_whether_its_truth_is_there_or_not() -> None:
    referee, broken = Referee([ear := Ear()]), guess()
    broken.picture.png = broken.picture.png[:-200]
    for _ in range(2):
        with pytest.raises(WireError, match=r"picture\.png: expected a PNG"):
            referee.submit(broken)
        referee.witness(truth())
    assert (referee.waiting, ear.cases, ear.lost) == (0, [], [])


def test_a_score_has_a_value_of_every_metric_whose_window_fits() -> None:
    metrics = (
        *scoring_metrics(["l2", "haarpsi", "dss"]),
        Metric("never", "Never", lambda *_: torch.tensor(math.nan), "lower"),
    )
    referee = Referee([], metrics=metrics)
    referee.witness(truth())
    score = scored(referee, guess(noise=0.1))
    assert set(score.values) == {"psnr", "ssim", "l2", "haarpsi"}
    assert (score.values["psnr"], score.values["ssim"]) == (score.psnr, score.ssim)
    assert score.values["l2"] == pytest.approx(10 ** (-score.psnr / 10), rel=1e-4)


def test_a_metric_of_a_set_is_refused() -> None:
    with pytest.raises(UsageError, match="--scores fid: a value of a set of pictures"):
        scoring_metrics(["fid"])
