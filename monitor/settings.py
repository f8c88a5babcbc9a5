"""Flags of ``keyhole monitor`` and ``keyhole report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.extensions import label
from keyhole.judge.class_settings import ClassJudgeSettings
from keyhole.service.address import Address
from keyhole.service.errors import UsageError, check_flags
from keyhole.service.secret import SecretFile
from keyhole.service.settings import ServiceSettings

_SHORTEST = 8


@dataclass(frozen=True)
class MonitorSettings(ServiceSettings, ClassJudgeSettings):
    """Score reconstructions against the truth, keep the run and show it live."""

    truth: str = "127.0.0.1:50061"
    """Address for the edge: takes the truth, so keep it out of the adversary's reach."""
    submit: str = "127.0.0.1:50062"
    """Address for the adversary: takes reconstructions, tells nothing of their score, refuses all else."""
    page: str | None = "127.0.0.1:8080"
    """Address of the live page, which shows the truth. `None`: no page."""
    page_token: SecretFile | None = None
    """File of the token (or password) that opens the page; or KEYHOLE_MONITOR_PAGE_TOKEN, the token itself. Without one
    the page is refused on any address but loopback."""
    page_open: bool = False
    """Serve the page without a token on any address: something else keeps strangers away, such as a container's
    networks."""
    page_names: tuple[str, ...] = ()
    """What else the page is called in a browser, besides localhost, this host's name and IP addresses."""
    run: Path = Path("runs/live")
    """Folder of the run: scores, pictures, report. A run that is there goes on."""
    database: str | None = None
    """SQLAlchemy URL of a database for this run alone, in place of run.sqlite in the folder."""
    scores: tuple[str, ...] = ()
    """Metrics to score by besides PSNR and SSIM, as for `keyhole attack --metrics`; not those of sets of pictures."""
    alarm_thumbnail: float | None = None
    """Pixels of the equivalent thumbnail from which on a leak raises the alarm. Absent: the smallest thumbnail of which
    the judge reads more than by guessing; 8 where no judge can be asked."""
    alarm_ssim: float | None = None
    """Raise the alarm by mean SSIM, from this value on, and not by the thumbnail."""
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
        check_flags(
            (
                *_alarm_rules(self.alarm_thumbnail, self.alarm_ssim),
                ("--keep", self.keep, self.keep >= 1, "1 or more"),
                ("--wait-seconds", self.wait_seconds, self.wait_seconds >= 0, "0 or more"),
                ("--waiting", self.waiting, self.waiting >= 1, "1 or more"),
            )
        )

    @property
    def limits(self) -> Limits:
        """What the referee holds in memory."""
        return Limits(waiting=self.waiting, wait_seconds=self.wait_seconds)

    @property
    def names(self) -> tuple[str, ...]:
        """What the attacks' reconstructions are called."""
        return tuple(label(attack) for attack in self.attacks)


@dataclass(frozen=True)
class Limits:
    """What the referee holds in memory.

    Attributes:
        truths: newest truths that reconstructions are matched against.
        waiting: reconstructions that wait for their truth; the oldest leaves first.
        wait_seconds: how long one waits before it counts as unmatched.
        megabytes: of pictures, in MiB, once for the truths and once for what waits; a picture counts with its PNG and
            its decoded pixels.
    """

    truths: int = 1000
    waiting: int = 256
    wait_seconds: float = 10.0
    megabytes: int = 256


DEFAULT_LIMITS = Limits()


def check_page(settings: MonitorSettings) -> None:
    """Refuse a page that anyone on the network could read.

    Raises:
        UsageError: it is not on loopback and needs a token, or the token is too short.
    """
    token = settings.page_token
    if token and len(token) < _SHORTEST:
        raise UsageError(f"--page-token: expected {_SHORTEST} characters or more, got {len(token)}")
    if settings.page and not (token or settings.page_open or Address.parse(settings.page).is_loopback):
        raise UsageError(
            f"--page {settings.page} would show the truth to the network: give the page a token (--page-token FILE, or "
            "KEYHOLE_MONITOR_PAGE_TOKEN), or listen on this machine alone, as in --page 127.0.0.1:8080"
        )


@dataclass(frozen=True)
class ReportSettings:
    """Write a stored run's summary, contact sheet and report again."""

    run: Positional[Path]
    """Folder that `keyhole monitor --run` wrote."""
    database: str | None = None
    """SQLAlchemy URL of the run's database, where it is not run.sqlite in the folder."""
    alarm_thumbnail: float | None = None
    """Pixels of the equivalent thumbnail from which on a leak counts. Absent: as the monitor had it, or 8."""
    alarm_ssim: float | None = None
    """Count by SSIM, from this value on, and not by the thumbnail."""
    json: Path | None = None
    """Also write the summary to this file."""

    def __post_init__(self) -> None:
        check_flags(_alarm_rules(self.alarm_thumbnail, self.alarm_ssim))


def _alarm_rules(pixels: float | None, ssim: float | None) -> tuple[tuple[str, float | None, bool, str], ...]:
    """Rules for `keyhole.service.errors.check_flags`."""
    return (
        ("--alarm-thumbnail", pixels, pixels is None or pixels > 0, "more than 0 pixels"),
        ("--alarm-ssim", ssim, ssim is None or -1 <= ssim <= 1, "an SSIM, from -1 to 1"),
    )
