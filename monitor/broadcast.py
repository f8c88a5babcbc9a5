"""The referee's events to any number of watchers, none of which can slow it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from keyhole.v1.referee_pb2 import Event, Outcome, Truth
from keyhole.wire.limits import MIB
from monitor.bounded import Bounded
from monitor.referee import Case, Listener

_BYTES = 32 * MIB


class Watcher:
    """Events for one who watches; the oldest are lost when they are too many.

    Args:
        queued: most events held, of 32 MiB together.
        clock: seconds, monotonic.
    """

    def __init__(self, queued: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._events: Bounded[int, Event] = Bounded(queued, _BYTES)
        self._since = clock()

    @property
    def depth(self) -> int:
        """Events waiting."""
        return len(self._events)

    @property
    def stalled(self) -> float:
        """Seconds for which the same event has been the next one to be taken; 0 where none waits."""
        with self._changed:
            return self._clock() - self._since if self._events else 0.0

    def add(self, event: Event) -> None:
        """Hold an event."""
        with self._changed:
            if not self._events:
                self._since = self._clock()
            self._events.put(next(self._numbers), event, event.ByteSize())
            self._changed.notify()

    def take(self, timeout: float) -> Event | None:
        """The next event; None where none comes within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._events) > 0, timeout):
                return None
            self._since = self._clock()
            return self._events.pop_oldest()


class Broadcast(Listener):
    """Copies the events into a bounded queue per watcher. Truths go without their secrets.

    Args:
        queued: most events held for a watcher.
        watchers: most watchers at a time.
        patience: seconds after which one who takes nothing, though something waits, has to go.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        queued: int = 256,
        watchers: int = 8,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queued = queued
        self._most = watchers
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._watchers: dict[Watcher, Callable[[], object]] = {}

    @property
    def watchers(self) -> int:
        """Watchers now."""
        return len(self._watchers)

    @property
    def depth(self) -> int:
        """Events waiting for the slowest watcher."""
        return max((watcher.depth for watcher in tuple(self._watchers)), default=0)

    @contextmanager
    def watch(self, end: Callable[[], object] = lambda: None) -> Iterator[Watcher]:
        """The events from now on.

        Args:
            end: called when the watcher has to go.

        Raises:
            OverflowError: there are too many watchers.
        """
        watcher = Watcher(self._queued, self._clock)
        with self._lock:
            if len(self._watchers) >= self._most:
                raise OverflowError(f"{self._most} watchers are served already")
            self._watchers[watcher] = end
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.pop(watcher, None)

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
            stalled = [watcher for watcher in self._watchers if watcher.stalled > self._patience]
            ends = [self._watchers.pop(watcher) for watcher in stalled]
            for watcher in self._watchers:
                watcher.add(event)
        for end in ends:
            end()
