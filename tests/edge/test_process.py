"""The edge's loop: the camera's pace on a virtual clock; frames in flight, never more than the bound."""

from __future__ import annotations

import itertools
import threading

import pytest

from edge.process import FramesInFlight, paced


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


@pytest.fixture
def in_flight():
    in_flight = FramesInFlight(2)
    yield in_flight
    in_flight.close()


def test_no_more_than_the_bound_are_admitted(in_flight):
    gate = threading.Event()
    for _ in range(2):
        assert in_flight.admit()
        in_flight.launch(gate.wait)
    assert not in_flight.admit()
    assert not in_flight.room(0.01)
    gate.set()
    assert in_flight.room(5)
    assert in_flight.admit()
    in_flight.launch(gate.wait)


def test_draining_says_whether_all_have_landed(in_flight):
    gate = threading.Event()
    in_flight.admit()
    in_flight.launch(gate.wait)
    assert not in_flight.drain(0.02)
    gate.set()
    assert in_flight.drain(5)


def test_a_frame_that_fails_frees_its_place_and_is_logged(in_flight, caplog):
    def crash():
        raise ZeroDivisionError

    for _ in range(4):
        assert in_flight.room(5)
        assert in_flight.admit()
        in_flight.launch(crash)
    assert in_flight.drain(5)
    assert "frame failed" in caplog.text


def test_the_number_in_flight_is_reported():
    numbers: list[int] = []
    in_flight = FramesInFlight(2, numbers.append)
    in_flight.admit()
    in_flight.launch(lambda: None)
    assert in_flight.drain(5)
    in_flight.close()
    assert numbers == [1, 0]
