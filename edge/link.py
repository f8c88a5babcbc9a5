"""An emulated network link between the edge and the cloud, inside the edge's process.

The cloud may run on the same machine; the link makes a frame take as long as it would over a radio. Each direction is
a token bucket for the rate, followed by a fixed delay. Frames share a direction first come, first served.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from keyhole.service.errors import UsageError

BURST = 1500.0  # bytes that pass at once: one Ethernet packet
_CUSTOM = re.compile(r"(?P<rate>\d+(?:\.\d+)?)(?P<unit>[kmg])bit(?::(?P<delay>\d+(?:\.\d+)?)ms)?")
_UNITS: Mapping[str, float] = {"k": 1e3, "m": 1e6, "g": 1e9}


@dataclass(frozen=True)
class LinkProfile:
    """What a link can carry.

    Attributes:
        name: as the user wrote it.
        up: bits per second from the edge to the cloud.
        down: bits per second from the cloud to the edge.
        delay: seconds one way; a round trip has two.
    """

    name: str
    up: float
    down: float
    delay: float


PROFILES: Mapping[str, LinkProfile] = {
    profile.name: profile
    for profile in (
        LinkProfile("none", math.inf, math.inf, 0.0),
        # Gigabit Ethernet through one switch.
        LinkProfile("lan", 1e9, 1e9, 0.0002),
        # What one 802.11ac station gets in a shared office: a round figure, not a measurement.
        LinkProfile("wifi", 50e6, 50e6, 0.002),
        # The user experienced data rate that ITU-R M.2410-0 asks of IMT-2020; the delay is a round figure.
        LinkProfile("5g", 50e6, 100e6, 0.010),
        # WebPageTest's connection profiles "LTE" and "3G Fast".
        LinkProfile("lte", 12e6, 12e6, 0.035),
        LinkProfile("3g", 768e3, 1.6e6, 0.075),
    )
}


def link_profile(text: str) -> LinkProfile:
    """The preset of that name, or a link given as ``RATE[:DELAY]`` such as ``10mbit:20ms`` (same rate both ways).

    Raises:
        UsageError: neither; the message lists the nearest presets and the syntax.
    """
    if text in PROFILES:
        return PROFILES[text]
    match = _CUSTOM.fullmatch(text.lower())
    rate = float(match["rate"]) * _UNITS[match["unit"]] if match else 0.0
    if "@" in text:
        link, _, factor = text.partition("@")
        raise UsageError(
            f"no link {text!r}: give --link {link} --slowdown {factor.rstrip('x')}; @ is for keyhole bench"
        )
    if match is None or rate == 0:
        near = get_close_matches(text.lower(), PROFILES, n=2, cutoff=0.5) or list(PROFILES)
        raise UsageError(
            f"no link {text!r}: nearest {', '.join(near)}; or a rate above 0 with an optional one-way delay, "
            "such as 10mbit:20ms (kbit, mbit, gbit)"
        )
    return LinkProfile(text, rate, rate, float(match["delay"] or 0) / 1e3)


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
