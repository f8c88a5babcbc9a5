"""Flags of ``keyhole bench-report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class BenchReportSettings:
    """Write a benchmark's report: a page of HTML that needs nothing beside it, and Markdown with its plots.

    The run may still be going on: what is not measured yet is named.
    """

    run: Positional[Path]
    """Folder that `keyhole bench` wrote."""
    out: Path | None = None
    """Folder for report.html, report.md and the pictures. Absent: `report` in the run's."""
    defended: tuple[str, ...] = ()
    """Targets that are another one under a trained defence, as TARGET=BASE+DEFENCE: they count as designs of BASE."""
    room: str | None = None
    """The edge has the memory that the undefended head up to this cut needs: accuracy against leak is also plotted of
    all defences that fit into it, at whatever cut."""
    sheet_codecs: tuple[str, ...] = ()
    """Codecs of the designs whose contact sheets are shown. Absent: all."""
    max_ssim: float = 0.3
    """Of the recommendation: the mean SSIM of the attack that gets most."""
    max_accuracy_loss: float = 1.0
    """Of the recommendation: points of accuracy below the undefended fp32 design."""

    def __post_init__(self) -> None:
        if not -1 <= self.max_ssim <= 1:
            raise UsageError(f"--max-ssim {self.max_ssim:g}: SSIM lies between -1 and 1")
        if not self.max_accuracy_loss >= 0:
            raise UsageError(f"--max-accuracy-loss {self.max_accuracy_loss:g}: expected 0 or more")
