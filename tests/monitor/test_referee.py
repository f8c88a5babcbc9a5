from __future__ import annotations

import numpy as np
import pytest

from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Score, Truth
from keyhole.wire.errors import WireError
from monitor.referee import Case, Limits, Referee
from tests.monitor.making import FRAME, guess, mean_square, outcome, pixels, truth, worse


class Ear:
    """Hears everything."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self.outcomes: list[Outcome] = []
        self.cases: list[Case] = []
        self.lost: list[Reconstruction] = []

    def witnessed(self, truth: Truth) -> None:
        self.truths.append(truth)

    def concluded(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def judged(self, case: Case) -> None:
        self.cases.append(case)

    def unmatched(self, reconstruction: Reconstruction) -> None:
        self.lost.append(reconstruction)


def scored(referee: Referee, made: Reconstruction) -> Score:
    """The score of a reconstruction whose truth is there."""
    score = referee.submit(made)
    assert score is not None
    return score


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


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
    referee.submit(guess())
    clock.now += 9.9
    referee.expire()
    assert ear.lost == []
    clock.now += 0.2
    referee.expire()
    referee.witness(truth())
    assert [lost.frame_id for lost in ear.lost] == [FRAME]
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


def test_a_repeated_witness_changes_nothing() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth())
    referee.witness(truth())
    assert len(ear.truths) == 1


def test_an_edge_that_started_again_brings_new_frames_of_old_names() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth(scene=1))
    referee.witness(truth(scene=2, captured_at=2000.0))
    assert len(ear.truths) == 2
    assert scored(referee, guess(scene=2, noise=0.0)).psnr == 100.0


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
