"""An emulated network link between the edge and the cloud, inside the edge's process.

The cloud may run on the same machine; the link makes a frame take as long as it would over a radio. Each direction is
a token bucket for the rate, followed by a fixed delay. Frames share a direction first come, first served.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from keyhole.wire.link_profiles import LinkProfile

BURST = 1500.0  # bytes that pass at once: one Ethernet packet


class Lane:
    """One direction of a link. Times are seconds on any one clock."""

    def __init__(self, rate: float, delay: float, burst: float = BURST) -> None:
        self._bytes_per_second = rate / 8
        self._delay = delay
        self._burst = burst
        self._tokens = burst
        self._filled_at = -math.inf
        self._lock = threading.Lock()

    def send(self, size: int, now: float, deadline: float = math.inf) -> float:
        """Put ``size`` bytes on the lane at ``now``; returns when the last one arrives.

        A transfer that cannot leave before ``deadline`` is cut off there: it holds the lane no longer than that, and
        the arrival is infinite.
        """
        if math.isinf(self._bytes_per_second):
            return now + self._delay if now + self._delay <= deadline else math.inf
        with self._lock:
            idle = max(0.0, now - self._filled_at)
            tokens = min(self._burst, self._tokens + idle * self._bytes_per_second)
            wait = max(0.0, size - tokens) / self._bytes_per_second
            self._filled_at = now
            if now + wait > deadline:
                self._tokens = min(tokens, -max(0.0, deadline - now) * self._bytes_per_second)
                return math.inf
            self._tokens = tokens - size
        arrival = now + wait + self._delay
        return arrival if arrival <= deadline else math.inf


class Link:
    """Both directions of a link.

    Args:
        profile: rates and delay.
        clock: seconds, monotonic.
        sleep: waits that many seconds; returns early if the run is stopped.
    """

    def __init__(self, profile: LinkProfile, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self.profile = profile
        self._up = Lane(profile.up, profile.delay)
        self._down = Lane(profile.down, profile.delay)
        self._clock = clock
        self._sleep = sleep

    def carry_up(self, size: int, deadline: float) -> bool:
        """Wait as long as ``size`` bytes take to the cloud; False if ``deadline`` (on the clock) comes first."""
        return self._carry(self._up, size, deadline)

    def carry_down(self, size: int, deadline: float) -> bool:
        """The same from the cloud to the edge."""
        return self._carry(self._down, size, deadline)

    def _carry(self, lane: Lane, size: int, deadline: float) -> bool:
        now = self._clock()
        arrival = lane.send(size, now, deadline)
        self._sleep(max(0.0, min(arrival, deadline) - now))
        return arrival <= deadline
