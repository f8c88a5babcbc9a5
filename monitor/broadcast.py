"""The referee's events to any number of watchers, none of which can slow it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from keyhole.v1.referee_pb2 import Event, Outcome, Reconstruction, Truth
from monitor.referee import Case


class Broadcast:
    """A listener of `monitor.referee.Referee` that copies events into a bounded queue per watcher.

    A full queue loses its oldest event. Truths go without their secrets.

    Args:
        queued: most events held for a watcher.
        watchers: most watchers at a time.
    """

    def __init__(self, queued: int = 256, watchers: int = 8) -> None:
        self._queued = queued
        self._most = watchers
        self._lock = threading.Lock()
        self._watchers: list[queue.Queue[Event]] = []

    @property
    def watchers(self) -> int:
        """Watchers now."""
        return len(self._watchers)

    @property
    def depth(self) -> int:
        """Events waiting for the slowest watcher."""
        return max((watcher.qsize() for watcher in tuple(self._watchers)), default=0)

    @contextmanager
    def watch(self) -> Iterator[queue.Queue[Event]]:
        """A queue of the events from now on.

        Raises:
            OverflowError: there are too many watchers.
        """
        events: queue.Queue[Event] = queue.Queue(self._queued)
        with self._lock:
            if len(self._watchers) >= self._most:
                raise OverflowError(f"{self._most} watchers are served already")
            self._watchers.append(events)
        try:
            yield events
        finally:
            with self._lock:
                self._watchers.remove(events)

    def witnessed(self, truth: Truth) -> None:
        seen = Event(truth=truth)
        seen.truth.ClearField("secrets")
        self._send(seen)

    def concluded(self, outcome: Outcome) -> None:
        self._send(Event(outcome=outcome))

    def judged(self, case: Case) -> None:
        self._send(Event(reconstruction=case.reconstruction))
        self._send(Event(score=case.score))

    def unmatched(self, reconstruction: Reconstruction) -> None:
        """Watchers are told of matches alone."""

    def _send(self, event: Event) -> None:
        with self._lock:
            for events in self._watchers:
                if events.full():
                    events.get_nowait()
                events.put_nowait(event)
