"""Frames in flight: a bounded number, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_log = logging.getLogger(__name__)


class Flights:
    """At most ``bound`` journeys at once.

    Args:
        bound: frames that may be in flight.
        changed: called with the number in flight whenever it changes.
    """

    def __init__(self, bound: int, changed: Callable[[int], object] = lambda _: None) -> None:
        self._bound = bound
        self._changed = changed
        self._free = threading.Condition()
        self._taken = 0
        self._pool = ThreadPoolExecutor(bound, thread_name_prefix="frame")

    def room(self, seconds: float) -> bool:
        """Wait until there is a place, for at most ``seconds``; whether there is one."""
        with self._free:
            return self._free.wait_for(lambda: self._taken < self._bound, timeout=seconds)

    def admit(self) -> bool:
        """Take a place for a frame; False if there is none."""
        with self._free:
            if self._taken >= self._bound:
                return False
            self._taken += 1
            self._changed(self._taken)
            return True

    def launch(self, journey: Callable[[], None]) -> None:
        """Start the journey of an admitted frame; its place is free when the journey returns."""
        self._pool.submit(journey).add_done_callback(self._land)

    def drain(self, seconds: float) -> bool:
        """Wait for all journeys; False if some still go on after ``seconds``."""
        with self._free:
            return self._free.wait_for(lambda: self._taken == 0, timeout=seconds)

    def close(self) -> None:
        """Wait for the last journey and end the threads."""
        self._pool.shutdown(wait=True)

    def _land(self, journey: Future[None]) -> None:
        with self._free:
            self._taken -= 1
            self._changed(self._taken)
            self._free.notify_all()
        if error := journey.exception():
            _log.error("a frame's journey failed", exc_info=error)
