"""A slower device, on a virtual clock and in a real edge."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
import torch

from edge.process import Slowdown, edge
from edge.settings import EdgeSettings
from keyhole.defences import Defence, Features
from keyhole.service.lifecycle import Stop
from tests.edge.test_link import VirtualClock
from tests.system.referee import notebook
from tests.system.running import TINY, running_cloud

CUT, FACTOR = "block", 60.0
STAGES = ("edge_compute", "protect", "encode", "network")
SLOW = "tests.edge.test_slowdown:Slow:seconds="


@pytest.mark.parametrize("factor", [1.0, 1.5, 8.0])
def test_work_takes_a_multiple_of_its_time(factor):
    clock = VirtualClock()
    slowdown = Slowdown(factor, clock, clock.sleep)
    started = clock.now
    clock.sleep(0.25)
    assert slowdown(started) == clock.now == pytest.approx(started + factor * 0.25)


@dataclass(frozen=True)
class Slow(Defence):
    """Takes its time."""

    seconds: float

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        time.sleep(self.seconds)
        return features

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        return features, observed


def stages(slowdown: float, defence: str = "none") -> dict[str, float]:
    """The least seconds of each stage over some frames."""
    with running_cloud(target=TINY, cut=CUT) as cloud, notebook() as book:
        settings = EdgeSettings(
            target=TINY, cut=CUT, source="leaves", cloud=cloud.listen, fps=0.0, frames=12, in_flight=1,
            monitor=book.address, slowdown=slowdown, defence=defence,
        )  # fmt: skip
        edge(settings, Stop())
    assert len(book.answered) == 12
    assert {truth.deployment.slowdown for truth in book.truths.values()} == {slowdown}
    outcomes = book.outcomes.values()
    return {name: min(outcome.stages[name] for outcome in outcomes) for name in STAGES}


def test_an_edge_is_slower_where_it_computes_and_nowhere_else():
    usual, slow = stages(1.0, f"{SLOW}0.004"), stages(FACTOR, f"{SLOW}0.004")
    for name in ("edge_compute", "protect", "encode"):
        assert slow[name] > FACTOR / 4 * usual[name]
    assert slow["network"] < FACTOR / 4 * usual["network"]


def test_what_a_defence_takes_is_a_stage_of_its_own():
    defended, bare = stages(1.0, f"{SLOW}0.1"), stages(1.0)
    assert defended["protect"] >= 0.1
    assert max(defended["edge_compute"], defended["encode"], bare["protect"]) < 0.1
