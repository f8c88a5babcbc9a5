"""Values of the axis of links: an emulated link, and how slow the edge is that sends on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keyhole.service.errors import UsageError
from keyhole.wire.link_profiles import LinkProfile, link_profile

_SLOWED = re.compile(r"(?P<link>.+)@(?P<factor>\d+(?:\.\d+)?)x")


@dataclass(frozen=True)
class EmulatedLink:
    """A value of the axis of links: an emulated link, and how slow the edge is that sends on it.

    Attributes:
        link: as `--link` of the edge has it.
        slowdown: of the edge, as a multiple of the time that this machine takes.
    """

    link: str
    slowdown: float

    @property
    def profile(self) -> LinkProfile:
        """Rates and delay of the link."""
        return link_profile(self.link)


def emulated_link(text: str) -> EmulatedLink:
    """``lte``, or ``lte@8x`` with an edge eight times slower.

    Raises:
        UsageError: no such link, or a slowdown below 1.
    """
    link, at, factor = text.rpartition("@")
    if at and factor.replace(".", "", 1).isdecimal():
        raise UsageError(f"--links {text}: an edge that is so many times slower is written with an x: {link}@{factor}x")
    slowed = _SLOWED.fullmatch(text)
    found = EmulatedLink(slowed["link"], float(slowed["factor"])) if slowed else EmulatedLink(text, 1.0)
    if found.slowdown < 1:
        raise UsageError(f"--links {text}: expected an edge that is slower, from @1x on")
    link_profile(found.link)
    return found
