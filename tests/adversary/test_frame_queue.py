from __future__ import annotations

import threading

import pytest

from adversary.frame_queue import Backlog
from tests.waiting import PATIENCE


def test_newest_first_and_the_oldest_dropped():
    dropped = []
    backlog = Backlog(3, lambda: dropped.append(1))
    for number in range(5):
        backlog.put(number)
    assert (len(backlog), backlog.dropped, len(dropped)) == (3, 2, 2)
    assert [backlog.take(), backlog.take(2)] == [[4], [3, 2]]


def test_what_is_put_back_is_the_newest_again_unless_the_room_is_taken():
    dropped = []
    backlog = Backlog(2, lambda: dropped.append(1))
    backlog.put(1)
    backlog.put(2)
    (taken,) = backlog.take()
    backlog.put_back(taken)
    assert (backlog.take(2), dropped) == ([2, 1], [])
    backlog.put(3)
    backlog.put(4)
    backlog.put_back(2)
    assert (backlog.take(2), backlog.dropped, dropped) == ([4, 3], 1, [1])


def test_taking_waits_for_an_entry():
    backlog, got = Backlog(1), []
    taker = threading.Thread(target=lambda: got.append(backlog.take()))
    taker.start()
    backlog.put("frame")
    taker.join(PATIENCE)
    assert got == [["frame"]]


def test_no_more_are_taken_than_wait():
    backlog = Backlog(3)
    backlog.put(1)
    backlog.put(2)
    assert backlog.take(16) == [2, 1]
    assert len(backlog) == 0


def test_closing_ends_all_waiting_and_hands_out_nothing_more():
    backlog, got = Backlog(2), []
    takers = [threading.Thread(target=lambda: got.append(backlog.take())) for _ in range(2)]
    for taker in takers:
        taker.start()
    backlog.close()
    for taker in takers:
        taker.join(PATIENCE)
    backlog.put("late")
    assert got == [[], []]
    assert backlog.take() == []


def test_it_needs_room_for_one():
    with pytest.raises(ValueError, match="room for 1 or more"):
        Backlog(0)
