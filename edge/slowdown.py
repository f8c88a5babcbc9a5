"""A device slower than the machine it is emulated on, inside the edge's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Slowdown:
    """Makes what the edge computes take a multiple of its time.

    Attributes:
        factor: 1 or more.
        clock: seconds, monotonic.
        sleep: waits that many seconds; returns early if the run is stopped.
    """

    factor: float
    clock: Callable[[], float]
    sleep: Callable[[float], object]

    def __call__(self, started: float) -> float:
        """Wait until what began at ``started``, and is done now, has taken ``factor`` times as long; the time then."""
        now = self.clock()
        if self.factor > 1:
            self.sleep((self.factor - 1) * (now - started))
            now = self.clock()
        return now
