from __future__ import annotations

import math
import threading

import grpc
import numpy as np
import pytest
import torch

from keyhole.metrics import Metric
from keyhole.service.errors import UsageError
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Score, Truth
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import pack_picture
from monitor.referee import Referee
from monitor.scoring import Listener, ScoredReconstruction, scoring_metrics
from monitor.settings import Limits
from tests.monitor.making import FRAME, Clock, guess, mean_square, outcome, pixels, truth, worse


class Ear(Listener):
    """Hears everything."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self.outcomes: list[Outcome] = []
        self.cases: list[ScoredReconstruction] = []
        self.lost: list[Reconstruction] = []
        self.reasons: list[str] = []

    def witnessed(self, truth: Truth) -> None:
        self.truths.append(truth)

    def concluded(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def judged(self, case: ScoredReconstruction) -> None:
        self.cases.append(case)

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        self.lost.append(reconstruction)
        self.reasons.append(reason)


def scored(referee: Referee, made: Reconstruction) -> Score:
    """The score of a reconstruction whose truth is there."""
    score = referee.submit(made)
    assert score is not None
    return score


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


def test_a_repeated_outcome_changes_nothing_until_the_frame_is_a_new_one() -> None:
    ear = Ear()
    referee = Referee([ear])
    for frame_id in (FRAME, "edge-0-000002", FRAME):
        referee.conclude(outcome(frame_id))
    assert [told.frame_id for told in ear.outcomes] == [FRAME, "edge-0-000002"]
    referee.witness(truth())
    referee.conclude(outcome())
    assert len(ear.outcomes) == 3


def test_nothing_follows_an_attacks_last_picture_of_a_frame() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth())
    last = guess(final=True)
    scores = [referee.submit(one) for one in (guess(), last, last, guess(noise=0.0))]
    assert [score is None for score in scores] == [False, False, True, True]
    assert referee.submit(guess(attack="decoder-ladder", rung="refined")) is not None
    assert len(ear.cases) == 3
    referee.witness(truth(captured_at=2000.0))
    assert referee.submit(guess()) is not None


def test_a_last_picture_that_waited_is_scored_once() -> None:
    ear = Ear()
    referee = Referee([ear])
    for _ in range(3):
        referee.submit(guess(final=True))
    referee.witness(truth())
    assert (len(ear.cases), ear.reasons) == (1, ["repeated"] * 2)


def test_one_whose_truth_and_last_picture_come_while_it_is_told_of_counts_as_repeated() -> None:
    class Overtaken(Listener):
        def waits(self, reconstruction: Reconstruction) -> None:  # noqa: ARG002
            referee.witness(truth())
            referee.submit(guess(final=True))

    ear = Ear()
    referee = Referee([Overtaken(), ear])
    assert referee.submit(guess()) is None
    assert (len(ear.cases), ear.reasons) == (1, ["repeated"])


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


def test_what_a_listener_could_not_take_can_be_sent_again() -> None:
    class Full(Listener):
        full = True

        def witnessed(self, truth: Truth) -> None:  # noqa: ARG002
            if self.full:
                raise WireError(grpc.StatusCode.UNAVAILABLE, "store", "full")

    store, ear = Full(), Ear()
    referee = Referee([store, ear])
    with pytest.raises(WireError):
        referee.witness(truth())
    assert referee.submit(guess()) is None
    store.full = False
    referee.witness(truth())
    assert (len(ear.truths), len(ear.cases)) == (1, 1)


def test_a_broken_picture_is_refused_whether_its_truth_is_there_or_not() -> None:
    referee, broken = Referee([ear := Ear()]), guess()
    broken.picture.png = broken.picture.png[:-200]
    for _ in range(2):
        with pytest.raises(WireError, match=r"picture\.png: expected a PNG"):
            referee.submit(broken)
        referee.witness(truth())
    assert (referee.waiting, ear.cases, ear.lost) == (0, [], [])


@pytest.mark.parametrize("what", ["truth", "outcome"])
def test_what_is_repeated_before_the_first_call_has_ended_is_told_once(what: str) -> None:
    begun, done = threading.Semaphore(0), threading.Event()

    class Slow(Ear):
        def witnessed(self, truth: Truth) -> None:
            super().witnessed(truth)
            begun.release()
            done.wait(60)

        def concluded(self, outcome: Outcome) -> None:
            super().concluded(outcome)
            begun.release()
            done.wait(60)

    ear = Slow()
    referee = Referee([ear])

    def call() -> None:
        if what == "truth":
            referee.witness(truth())
        else:
            referee.conclude(outcome())

    calls = [threading.Thread(target=call) for _ in range(2)]
    for each in calls:
        each.start()
    assert begun.acquire(timeout=60)
    begun.acquire(timeout=0.2)  # where the second is told too
    done.set()
    for each in calls:
        each.join(60)
    assert len(ear.truths) + len(ear.outcomes) == 1


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
