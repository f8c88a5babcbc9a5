"""The alarm's threshold: the thumbnail from which on a leak counts, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from keyhole.judge.legibility import DRIVER, PLATE, SECRETS, VEHICLE
from keyhole.judge.loading import SHIPPED
from keyhole.judge.reading import SecretReader
from keyhole.judge.thresholds import read_legibility
from monitor.database import FactRow
from monitor.leaks import AttackLeak

UNJUDGED = 8.0
"""Pixels, where there is no judge to say from which size on it reads anything."""
_NAME = "alarm"
_READS = {PLATE: "reads plates", DRIVER: "describes drivers", VEHICLE: "tells vehicles apart"}


@dataclass(frozen=True)
class AlarmThreshold:
    """From which leak on the alarm is raised.

    Attributes:
        value: pixels of the equivalent thumbnail or, where somebody asked for it, an SSIM.
        origin: where it comes from, in words.
        unit: "px" or "SSIM".
        chosen: somebody set it.
    """

    value: float
    origin: str
    unit: str = "px"
    chosen: bool = False

    @property
    def text(self) -> str:
        """With its unit."""
        return f"{self.value:g} px" if self.unit == "px" else f"SSIM {self.value:g}"

    def level(self, leak: AttackLeak) -> float:
        """A leak in the threshold's unit."""
        return leak.thumbnail.side if self.unit == "px" else leak.ssim

    def reached(self, leak: AttackLeak) -> bool:
        """Whether a leak counts. What is no better than blind never does in pixels, however low the threshold."""
        return self.level(leak) >= self.value and not (self.unit == "px" and leak.thumbnail.side == 0)

    def row(self) -> FactRow:
        """As it is stored."""
        return FactRow(name=_NAME, value=asdict(self))


def read_threshold(session: Session) -> AlarmThreshold | None:
    """The stored threshold of a run; None where it has none."""
    row = session.get(FactRow, _NAME)
    return AlarmThreshold(**row.value) if row else None


class AlarmFlags(Protocol):
    """Settings that may set the threshold."""

    @property
    def alarm_thumbnail(self) -> float | None: ...

    @property
    def alarm_ssim(self) -> float | None: ...


def chosen_threshold(flags: AlarmFlags) -> AlarmThreshold | None:
    """The threshold that flags set; None where they leave it to the judge. Pixels go before SSIM, the older flag."""
    if flags.alarm_thumbnail is not None:
        return AlarmThreshold(flags.alarm_thumbnail, "set by --alarm-thumbnail", chosen=True)
    return (
        None
        if flags.alarm_ssim is None
        else AlarmThreshold(flags.alarm_ssim, "set by --alarm-ssim", "SSIM", chosen=True)
    )


def unjudged_threshold(why: str) -> AlarmThreshold:
    """The threshold where no judge can be asked, and why not."""
    return AlarmThreshold(UNJUDGED, why)


def judged_threshold(folder: Path | None, judge: SecretReader | None) -> AlarmThreshold:
    """The smallest thumbnail of which a judge reads anything better than by guessing.

    Args:
        folder: of the judge; None: the shipped one.
        judge: as it was found there; None: there is none.

    Raises:
        JudgeError: what was measured of it is of another judge.
    """
    if judge is None:
        return unjudged_threshold("there is no judge")
    measured = read_legibility(folder or SHIPPED)
    if measured is None:
        return unjudged_threshold("the judge was not measured: `keyhole legibility` does it")
    found = {secret: measured.legibility.legible_from(secret) for secret in SECRETS}
    sides = {secret: side for secret, side in found.items() if side is not None}
    if not sides:
        return unjudged_threshold("the judge reads nothing better than by guessing")
    first = min(sides, key=sides.__getitem__)
    return AlarmThreshold(float(sides[first]), f"from here on the judge {_READS[first]} better than by guessing")
