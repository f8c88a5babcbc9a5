"""Limit on the equivalent thumbnail: what a judge can do with thumbnails, unless it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from keyhole.bench.advice.wording import listed
from keyhole.bench.records import ScaleRecord
from keyhole.judge.thresholds import SOURCE, MeasuredLegibility, read_legibility

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
    def of(cls, scale: ScaleRecord, pictures: str | None) -> Self:
        """The smallest thumbnail from which the judge reads any secret better than by guessing, else `UNJUDGED`.

        Measured on other pictures than those of the run, which the leaks are of, where the judge that is shipped was
        measured for such; else on the run's own.

        Args:
            scale: of the run's pictures.
            pictures: their source; None: not known.

        Raises:
            JudgeError: what was measured of the shipped judge is of another.
        """
        own = scale.legibility
        if own is None:
            return cls(UNJUDGED, f"{UNJUDGED:g} px is the limit where no judge reads the pictures.")
        measured = _measured_for(scale, pictures)
        if measured:
            legible, whose = measured.legibility, f"{measured.pictures} true pictures that are none of the run's"
        else:
            legible, whose = own, f"the run's own {scale.thumbnails.count} true pictures"
        if legible.threshold is None:
            nothing = f"the judge reads nothing, even in the pictures: {whose}"
            return cls(UNJUDGED, f"{UNJUDGED:g} px is the limit where {nothing}.")
        sides = {name: legible.legible_from(name) for name in legible.secrets}
        read = [f"{name} from {side} px on" for name, side in sides.items() if side is not None]
        return cls(
            float(legible.threshold),
            f"{legible.threshold} px is the limit because of thumbnails of {whose} the judge reads better than by "
            f"guessing: {listed(read)}.",
            judged=True,
        )


def _measured_for(scale: ScaleRecord, pictures: str | None) -> MeasuredLegibility | None:
    """What the shipped judge read from thumbnails, where it is the run's and read pictures of its source and size."""
    if pictures != SOURCE:
        return None
    measured = read_legibility()
    if measured is None or measured.judge != scale.judge:
        return None
    return measured if measured.legibility.sides[-1] == scale.thumbnails.full else None
