"""Limit on the equivalent thumbnail: what a judge can do with thumbnails, unless it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keyhole.bench.advice.wording import listed
from keyhole.bench.records import ScaleRecord

UNJUDGED = 8.0
"""Pixels that are allowed where no judge reads the pictures."""


@dataclass(frozen=True)
class ThumbnailLimit:
    """The most that may be seen.

    Attributes:
        side: pixels of the thumbnail's shorter side.
        source: a sentence on where it is from; empty where it was asked for.
        judged: whether it is the smallest from which a judge reads something.
    """

    side: float
    source: str = ""
    judged: bool = False

    @classmethod
    def of(cls, scale: ScaleRecord) -> Self:
        """The smallest thumbnail from which the judge reads any secret better than by guessing, else `UNJUDGED`."""
        legible = scale.legibility
        if legible is None:
            return cls(UNJUDGED, f"{UNJUDGED:g} px is the limit where no judge reads the pictures.")
        if legible.threshold is None:
            return cls(UNJUDGED, f"{UNJUDGED:g} px is the limit where the judge reads nothing, even in the pictures.")
        sides = {name: legible.legible_from(name) for name in legible.secrets}
        read = [f"{name} from {side} px on" for name, side in sides.items() if side is not None]
        return cls(
            float(legible.threshold),
            f"{legible.threshold} px is the limit because of true thumbnails the judge reads better than by guessing: "
            f"{listed(read)}.",
            judged=True,
        )
