"""Flags of ``keyhole monitor`` and ``keyhole report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.service.errors import UsageError
from keyhole.service.settings import ServiceSettings


@dataclass(frozen=True)
class MonitorSettings(ServiceSettings):
    """Score reconstructions against the truth, keep the run and show it live."""

    truth: str = "127.0.0.1:50061"
    """Address for the edge: takes the truth, so keep it out of the adversary's reach."""
    submit: str = "127.0.0.1:50062"
    """Address for the adversary: takes reconstructions, tells nothing of their score, refuses all else."""
    page: str | None = "127.0.0.1:8080"
    """Address of the live page, which shows the truth. `None`: no page."""
    run: Path = Path("runs/live")
    """Folder of the run: scores, pictures, report. A run that is there goes on."""
    database: str | None = None
    """SQLAlchemy URL of a database for this run alone, in place of run.sqlite in the folder."""
    alarm_ssim: float = 0.3
    """SSIM from which a reconstruction counts as recognisable and the page raises its alarm."""
    judge: Path | None = None
    """Folder of the judge that reads secrets from reconstructions, as `keyhole train judge` makes it. Absent: the
    shipped one; where there is none, secrets are not scored."""
    keep: int = 500
    """Newest frames whose pictures stay on disk; scores stay for ever."""
    wait_seconds: float = 10.0
    """How long a reconstruction waits for its frame's truth before it counts as unmatched."""
    attacks: tuple[str, ...] = ()
    """Attacks that may submit, as the adversary was given them. None: whichever do, up to 32 with their rungs."""
    waiting: int = 256
    """Reconstructions that may wait for their truth; the oldest leaves first."""

    def __post_init__(self) -> None:
        if not -1 <= self.alarm_ssim <= 1:
            raise UsageError(f"--alarm-ssim {self.alarm_ssim:g}: SSIM lies between -1 and 1")
        if self.keep < 1:
            raise UsageError(f"--keep {self.keep}: expected at least 1 frame")
        if self.wait_seconds < 0:
            raise UsageError(f"--wait-seconds {self.wait_seconds:g}: expected 0 or more")
        if self.waiting < 1:
            raise UsageError(f"--waiting {self.waiting}: expected at least 1")

    @property
    def names(self) -> tuple[str, ...]:
        """What the attacks' reconstructions are called."""
        return tuple(attack.replace("/", "-") for attack in self.attacks)


@dataclass(frozen=True)
class ReportSettings:
    """Write a stored run's summary, contact sheet and report again."""

    run: Positional[Path]
    """Folder that `keyhole monitor --run` wrote."""
    database: str | None = None
    """SQLAlchemy URL of the run's database, where it is not run.sqlite in the folder."""
    alarm_ssim: float = 0.3
    """SSIM from which a reconstruction counts as recognisable."""
    json: Path | None = None
    """Also write the summary to this file."""
