"""Rates and delays of network links."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from keyhole.service.errors import UsageError

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

    >>> link_profile("10mbit:20ms")
    LinkProfile(name='10mbit:20ms', up=10000000.0, down=10000000.0, delay=0.02)
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
