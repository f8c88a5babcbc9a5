"""Pools of vehicles that share none: for the victim's training, for choosing and for measuring its results, for an
attacker, and for scoring both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from keyhole.service.errors import UsageError

VehiclePool = Literal["private-train", "private-test", "public", "audit", "public-shifted", "private-report"]
POOLS: tuple[VehiclePool, ...] = get_args(VehiclePool)
"""``private-test``: vehicles that a training may be chosen by; ``private-report``: that its figures are of."""

IDENTITIES = 2**20
"""Vehicles in each pool of each world."""


@dataclass(frozen=True)
class Style:
    """Style that the cameras of a pool share.

    Attributes:
        cameras: name of the set of cameras; sets share no camera.
        palette: name of the paints that vehicles come in, and of the white balance.
        glyphs: name of the typeface of plates and signs.
    """

    cameras: str
    palette: str
    glyphs: str


HOME = Style(cameras="home", palette="home", glyphs="round")
ABROAD = Style(cameras="abroad", palette="abroad", glyphs="angular")


def style(pool: VehiclePool) -> Style:
    """The style of a pool: only ``public-shifted`` looks different."""
    return ABROAD if pool == "public-shifted" else HOME


def identity_range(pool: VehiclePool) -> range:
    """The vehicles of a pool, as numbers that are unique over all pools of a world."""
    if pool not in POOLS:
        raise UsageError(f"no pool {pool!r}: expected one of {', '.join(POOLS)}")
    first = POOLS.index(pool) * IDENTITIES
    return range(first, first + IDENTITIES)
