"""The referee's events to any number of watchers, none of which can slow it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from keyhole.v1.referee_pb2 import Event, Outcome, Truth
from keyhole.wire.limits import MIB
from monitor.bounded import Bounded
from monitor.listener import Case, Listener

_BYTES = 32 * MIB


class Watcher:
    """Events for one who watches; the oldest are lost when they are too many.

    Args:
        queued: most events held, of 32 MiB together.
    """

    def __init__(self, queued: int) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._events: Bounded[int, Event] = Bounded(queued, _BYTES)

    @property
    def depth(self) -> int:
        """Events waiting."""
        return len(self._events)

    def add(self, event: Event) -> None:
        """Hold an event."""
        with self._changed:
            self._events.put(next(self._numbers), event, event.ByteSize())
            self._changed.notify()

    def take(self, timeout: float) -> Event | None:
        """The next event; None where none comes within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._events) > 0, timeout):
                return None
            return self._events.pop_oldest()


class Broadcast(Listener):
    """Copies the events into a bounded queue per watcher. Truths go without their secrets.

    Args:
        queued: most events held for a watcher.
    """

    def __init__(self, queued: int = 256) -> None:
        self._queued = queued
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []

    @property
    def watchers(self) -> int:
        """Watchers now."""
        return len(self._watchers)

    @property
    def depth(self) -> int:
        """Events waiting for the slowest watcher."""
        return max((watcher.depth for watcher in tuple(self._watchers)), default=0)

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """The events from now on."""
        watcher = Watcher(self._queued)
        with self._lock:
            self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.remove(watcher)

    def witnessed(self, truth: Truth) -> None:
        seen = Event(truth=truth)
        seen.truth.ClearField("secrets")
        self._send(seen)

    def concluded(self, outcome: Outcome) -> None:
        self._send(Event(outcome=outcome))

    def judged(self, case: Case) -> None:
        self._send(Event(reconstruction=case.reconstruction))
        self._send(Event(score=case.score))

    def _send(self, event: Event) -> None:
        with self._lock:
            for watcher in self._watchers:
                watcher.add(event)
