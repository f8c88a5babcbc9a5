"""How fast an attack works."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 5.0


class Meter:
    """Counts steps and tells how many there were per second of late.

    Args:
        count: called for each step.
        clock: seconds, monotonic.
    """

    def __init__(self, count: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()

    def step(self) -> None:
        """Count one."""
        self._count()
        now = self._clock()
        with self._lock:
            self._recent.append(now)
            self._forget(now)

    def rate(self) -> float:
        """Steps per second over the last five."""
        with self._lock:
            self._forget(self._clock())
            return len(self._recent) / WINDOW_SECONDS

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - WINDOW_SECONDS:
            self._recent.popleft()
