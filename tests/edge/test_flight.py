"""Frames in flight: never more than the bound, and every place comes back."""

from __future__ import annotations

import threading

import pytest

from edge.flight import Flights


@pytest.fixture
def flights():
    flights = Flights(2)
    yield flights
    flights.close()


def test_no_more_than_the_bound_are_admitted(flights):
    gate = threading.Event()
    for _ in range(2):
        assert flights.admit()
        flights.launch(gate.wait)
    assert not flights.admit()
    assert not flights.room(0.01)
    gate.set()
    assert flights.room(5)
    assert flights.admit()
    flights.launch(gate.wait)


def test_draining_says_whether_all_have_landed(flights):
    gate = threading.Event()
    flights.admit()
    flights.launch(gate.wait)
    assert not flights.drain(0.02)
    gate.set()
    assert flights.drain(5)


def test_a_journey_that_fails_frees_its_place_and_is_logged(flights, caplog):
    def crash():
        raise ZeroDivisionError

    for _ in range(4):
        assert flights.room(5)
        assert flights.admit()
        flights.launch(crash)
    assert flights.drain(5)
    assert "journey failed" in caplog.text


def test_the_number_in_flight_is_reported():
    numbers: list[int] = []
    flights = Flights(2, numbers.append)
    flights.admit()
    flights.launch(lambda: None)
    assert flights.drain(5)
    flights.close()
    assert numbers == [1, 0]
