"""A slower device, on a virtual clock and in a real edge."""

from __future__ import annotations

import pytest

from edge.process import edge
from edge.settings import EdgeSettings
from edge.slowdown import Slowdown
from keyhole.service.lifecycle import Stop
from tests.edge.test_link import VirtualClock
from tests.system.referee import notebook
from tests.system.running import TINY, running_cloud

CUT, FACTOR = "block", 60.0


@pytest.mark.parametrize("factor", [1.0, 1.5, 8.0])
def test_work_takes_a_multiple_of_its_time(factor):
    clock = VirtualClock()
    slowdown = Slowdown(factor, clock, clock.sleep)
    started = clock.now
    clock.sleep(0.25)
    assert slowdown(started) == clock.now == pytest.approx(started + factor * 0.25)


def stages(slowdown: float) -> dict[str, float]:
    """The least seconds of each stage over some frames."""
    with running_cloud(target=TINY, cut=CUT) as cloud, notebook() as book:
        settings = EdgeSettings(
            target=TINY, cut=CUT, source="leaves", cloud=cloud.listen, fps=0.0, frames=12, in_flight=1,
            monitor=book.address, slowdown=slowdown,
        )  # fmt: skip
        edge(settings, Stop())
    assert len(book.answered) == 12
    assert {truth.deployment.slowdown for truth in book.truths.values()} == {slowdown}
    outcomes = book.outcomes.values()
    return {name: min(outcome.stages[name] for outcome in outcomes) for name in ("edge_compute", "encode", "network")}


def test_an_edge_is_slower_where_it_computes_and_nowhere_else():
    usual, slow = stages(1.0), stages(FACTOR)
    for name in ("edge_compute", "encode"):
        assert slow[name] > FACTOR / 4 * usual[name]
    assert slow["network"] < FACTOR / 4 * usual["network"]
