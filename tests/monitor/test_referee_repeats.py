"""What is told a referee again changes nothing."""

from __future__ import annotations

import threading

import grpc
import pytest

from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Truth
from keyhole.wire.errors import WireError
from monitor.referee import Referee
from monitor.scoring import Listener
from tests.monitor.making import FRAME, Ear, guess, outcome, truth


def test_a_repeated_witness_changes_nothing() -> None:
    ear = Ear()
    referee = Referee([ear])
    referee.witness(truth())
    referee.witness(truth())
    assert len(ear.truths) == 1


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
