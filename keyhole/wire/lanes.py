"""How many calls of a method there are at once, and how long one may keep the server waiting.

A call waits for its caller while a message is on its way from it, or to it. It holds a thread all that time, so a call
that waits too long is dismissed; where all places are taken, the one that has waited longest makes room for the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

GRACE_SECONDS = 0.25
"""A call that has waited less than this for its caller keeps its place."""


class Lane:
    """The places of one method's calls.

    Args:
        places: most calls at once.
        patience: seconds that a call may wait for its caller.
        clock: seconds, monotonic.
    """

    def __init__(self, places: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: dict[grpc.ServicerContext, float] = {}
        self._dismissed: set[grpc.ServicerContext] = set()

    def enter(self) -> bool:
        """Take a place for a new call; False if every place belongs to a call that is being worked on."""
        with self._lock:
            slow = self._slow(GRACE_SECONDS)[:1] if self._taken >= self._places else []
            self._dismiss(slow)
            entered = self._taken < self._places
            self._taken += entered
        _cancel(slow)
        return entered

    def leave(self, call: grpc.ServicerContext) -> None:
        """Give back the place of a call that entered and has ended."""
        with self._lock:
            if call in self._dismissed:
                self._dismissed.remove(call)
            else:
                self._taken -= 1

    @contextmanager
    def waits(self, call: grpc.ServicerContext) -> Iterator[None]:
        """While the block lasts, the call waits for its caller."""
        with self._lock:
            self._waiting[call] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(call, None)

    def dismissed(self, call: grpc.ServicerContext) -> bool:
        """Whether the call had to go because its caller kept it waiting."""
        with self._lock:
            return call in self._dismissed

    def expire(self) -> None:
        """Dismiss the calls that have waited longer than the lane's patience."""
        with self._lock:
            slow = self._slow(self._patience)
            self._dismiss(slow)
        _cancel(slow)

    def _slow(self, seconds: float) -> list[grpc.ServicerContext]:
        """Calls that have waited at least so long, the longest first."""
        latest = self._clock() - seconds
        return sorted((call for call, since in self._waiting.items() if since <= latest), key=self._waiting.__getitem__)

    def _dismiss(self, calls: list[grpc.ServicerContext]) -> None:
        for call in calls:
            del self._waiting[call]
            self._dismissed.add(call)
            self._taken -= 1


def _cancel(calls: list[grpc.ServicerContext]) -> None:
    for call in calls:
        call.cancel()  # type: ignore[no-untyped-call]
