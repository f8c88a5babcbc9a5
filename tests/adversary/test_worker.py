"""One worker: frames together where its attack can, and none lost for another's fault."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace

import pytest
import torch

from adversary.frame_queue import SharedFrames
from adversary.worker import Origin, Worker
from keyhole.attacks.base import Estimate, MismatchError, Observation
from keyhole.attacks.entry import Rung
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from tests.waiting import PATIENCE, wait_until

BY = Origin("decoder-ladder", "strong", "amortised", "black box", "cloud", 7)


@dataclass
class Scripted:
    """Waits to be let go, then paints each frame in its own grey; refuses a frame that is called "odd"."""

    go: threading.Event = field(default_factory=threading.Event)
    asked: list[list[str]] = field(default_factory=list)

    def reconstruct(self, frames):
        self.go.wait(PATIENCE)
        names = [frame.frame_id for frame in frames]
        self.asked.append(names)
        if "odd" in names:
            raise MismatchError("another head")
        greys = torch.tensor([int(name) / 255 for name in names])
        yield Estimate(greys[:, None, None, None].expand(-1, 3, 16, 16), 1, 0.1, 0.0, final=True)


def offered(worker: Worker, *names: str) -> None:
    for name in names:
        worker.offer(Observation(name, (torch.zeros(1, 2),)))


@pytest.fixture
def metrics():
    return Metrics("adversary")


def counted(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("keyhole_dropped_total", {"reason": reason}) or 0.0


def test_frames_that_wait_are_answered_together_and_say_their_rung(metrics):
    attack, sent = Scripted(), []
    worker = Worker(BY, Rung("amortised", "black box", attack, together=3), sent.append, metrics, Stop(), backlog=8)
    offered(worker, "1")
    wait_until(lambda: not len(worker._backlog))
    offered(worker, "2", "3", "4", "5")
    attack.go.set()
    wait_until(lambda: len(sent) == 5)
    worker.close(5)
    assert attack.asked == [["1"], ["5", "4", "3"], ["2"]]
    assert {(one.attack, one.recipe, one.rung, one.knowledge, one.seed) for one in sent} == {
        ("decoder-ladder", "strong", "amortised", "black box", 7)
    }
    greys = {one.frame_id: one.picture.png for one in sent}
    assert len(set(greys.values())) == 5


def test_each_picture_says_which_of_several_texts_was_kept(metrics):
    class Choosing(Scripted):
        def reconstruct(self, frames):
            for estimate in super().reconstruct(frames):
                yield replace(estimate, texts=tuple(f"a van, {frame.frame_id} {'x' * 200}" for frame in frames))

    attack, sent = Choosing(), []
    attack.go.set()
    worker = Worker(BY, Rung("", "white box", attack), sent.append, metrics, Stop())
    offered(worker, "3")
    wait_until(lambda: sent)
    worker.close(5)
    assert [len(one.text) for one in sent] == [128]
    assert sent[0].text.startswith("a van, 3 x")


def test_a_frame_that_does_not_fit_spoils_no_other(metrics):
    attack, sent = Scripted(), []
    worker = Worker(BY, Rung("amortised", "black box", attack, together=4), sent.append, metrics, Stop(), backlog=8)
    offered(worker, "1")
    wait_until(lambda: not len(worker._backlog))
    offered(worker, "2", "odd", "3")
    attack.go.set()
    wait_until(lambda: len(sent) == 3)
    wait_until(lambda: counted(metrics, "mismatch") == 1)
    worker.close(5)
    assert {one.frame_id for one in sent} == {"1", "2", "3"}


def test_a_rung_may_keep_the_newest_frame_alone(metrics):
    attack, sent = Scripted(), []
    worker = Worker(BY, Rung("refined", "white box", attack, waiting=1), sent.append, metrics, Stop(), backlog=8)
    offered(worker, "1")
    wait_until(lambda: not len(worker._backlog))
    offered(worker, "2", "3", "4")
    attack.go.set()
    wait_until(lambda: len(sent) == 2)
    worker.close(5)
    assert attack.asked == [["1"], ["4"]]
    assert counted(metrics, "backlog") == 2


def test_slow_attacks_work_on_the_same_frames_though_they_are_free_at_different_times(metrics):
    attacks, shared = [Scripted(), Scripted()], SharedFrames()
    first, second = (
        Worker(BY, Rung("", "white box", attack), lambda _: None, metrics, Stop(), backlog=8, shared=shared)
        for attack in attacks
    )
    frames = {name: Observation(name, (torch.zeros(1, 2),)) for name in "123456"}

    def come(*names: str) -> None:
        for name in names:
            for worker in (first, second):
                worker.offer(frames[name])

    attacks[1].go.set()  # the second is done at once, the first holds on to its frame
    first.offer(frames["1"])
    wait_until(lambda: not len(first._backlog))
    second.offer(frames["2"])
    wait_until(lambda: len(attacks[1].asked) == 2)
    assert attacks[1].asked == [["1"], ["2"]]  # what the first works on, then its own
    come("3", "4", "5")
    wait_until(lambda: len(attacks[1].asked) == 5)
    attacks[0].go.set()
    wait_until(lambda: len(attacks[0].asked) >= 2)
    assert attacks[0].asked[1] == attacks[1].asked[-1]  # the common one, and not the newest of its own
    come("6")
    wait_until(lambda: ["6"] in attacks[0].asked and ["6"] in attacks[1].asked)
    for worker in (first, second):
        worker.close(5)
    for attack in attacks:
        assert len({name for (name,) in attack.asked}) == len(attack.asked)  # none twice


def test_an_attack_that_takes_several_answers_the_common_frame_too_and_once(metrics):
    shared, slow, quick = SharedFrames(), Scripted(), Scripted()
    workers = [
        Worker(BY, rung, lambda _: None, metrics, Stop(), backlog=2, shared=shared)
        for rung in (Rung("", "white box", slow), Rung("amortised", "black box", quick, together=2))
    ]
    offered(workers[0], "1")
    wait_until(lambda: shared.common is not None)
    quick.go.set()
    offered(workers[1], "7")
    wait_until(lambda: quick.asked)
    offered(workers[1], "8")
    wait_until(lambda: len(quick.asked) == 2)
    slow.go.set()
    for worker in workers:
        worker.close(5)
    assert quick.asked == [["7", "1"], ["8"]]


def test_a_fault_in_an_attack_shows_where_once(metrics, caplog):
    worker = Worker(BY, Rung("amortised", "black box", attack := Scripted(), together=1), list, metrics, Stop())
    attack.go.set()
    offered(worker, "no number")
    wait_until(lambda: counted(metrics, "failed") == 1)
    offered(worker, "no number either")
    wait_until(lambda: counted(metrics, "failed") == 2)
    worker.close(10)
    first, second = (record for record in caplog.records if record.getMessage() == "frame skipped")
    assert "test_worker.py" in logging.Formatter().formatException(first.exc_info)
    assert not second.exc_info
