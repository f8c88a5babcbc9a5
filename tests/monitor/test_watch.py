"""Who watches a monitor: what they are sent, and how many there may be."""

from __future__ import annotations

import time

import grpc

from keyhole.v1.referee_pb2 import WatchRequest
from tests.monitor.making import guess, outcome, truth
from tests.monitor.ports import Ports
from tests.waiting import wait_until


def test_watchers_see_truths_outcomes_reconstructions_and_scores(ports: Ports) -> None:
    with ports.stubs() as (edge, adversary):
        events = edge.Watch(WatchRequest())
        wait_until(lambda: ports.broadcast.watchers)
        edge.Witness(truth())
        adversary.Submit(guess())
        edge.Conclude(outcome())
        kinds = [next(events).WhichOneof("event") for _ in range(4)]
        assert kinds == ["truth", "reconstruction", "score", "outcome"]
        ports.stop.set()
        assert list(events) == []


def test_a_slow_watcher_loses_the_oldest_and_holds_nobody_up(ports: Ports) -> None:
    with ports.broadcast.watch() as events:
        for number in range(300):
            ports.referee.conclude(outcome(f"edge-0-{number}"))
        held = [events.take(0).outcome.frame_id for _ in range(events.depth)]
    assert held == [f"edge-0-{number}" for number in range(44, 300)]


def test_watchers_are_bounded(ports: Ports) -> None:
    with ports.stubs() as (edge, _):
        calls = [edge.Watch(WatchRequest()) for _ in range(9)]
        wait_until(lambda: ports.broadcast.watchers >= 8)
        codes = set()
        for call in calls:
            if call.is_active():
                time.sleep(0.05)
            codes.add(call.code() if not call.is_active() else None)
        assert codes == {None, grpc.StatusCode.RESOURCE_EXHAUSTED}
        for call in calls:
            call.cancel()
