"""The pace of the camera, on a virtual clock."""

from __future__ import annotations

import itertools

import pytest

from edge.camera import paced


class VirtualClock:
    def __init__(self, stop_at: float = float("inf")) -> None:
        self.now = 0.0
        self.stop_at = stop_at

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.stop_at


def take(clock: VirtualClock, *, fps: float, frames: int, work: float = 0.0) -> list[float]:
    times = []
    for _ in paced(itertools.count(), fps=fps, frames=frames, wait=clock.wait, clock=clock):
        times.append(clock.now)
        clock.now += work
    return times


def test_pictures_come_at_the_rate_however_long_each_takes():
    assert take(VirtualClock(), fps=4, frames=4) == [0, 0.25, 0.5, 0.75]
    assert take(VirtualClock(), fps=4, frames=4, work=0.2) == [0, 0.25, 0.5, 0.75]


def test_a_slow_consumer_sets_the_pace_and_gets_no_burst_afterwards():
    clock = VirtualClock()
    times = []
    for number, _ in enumerate(paced(itertools.count(), fps=10, frames=5, wait=clock.wait, clock=clock)):
        times.append(clock.now)
        clock.now += 1.0 if number == 0 else 0.0
    assert times == pytest.approx([0, 1.0, 1.1, 1.2, 1.3])


def test_no_rate_means_no_wait():
    assert take(VirtualClock(), fps=0, frames=3, work=0.5) == [0, 0.5, 1.0]


def test_no_number_of_frames_means_all():
    clock = VirtualClock()
    assert list(paced(range(7), fps=1, frames=0, wait=clock.wait, clock=clock)) == list(range(7))


def test_being_stopped_ends_it():
    assert take(VirtualClock(stop_at=1.0), fps=2, frames=0) == [0, 0.5]
