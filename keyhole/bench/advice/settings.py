"""Flags of ``keyhole recommend``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class RecommendSettings:
    """Where to cut: the fastest design of a measured run that satisfies every constraint.

    keyhole recommend runs/bench --link lte --max-ssim 0.3 --max-accuracy-loss 1 --max-latency 50
    """

    run: Positional[Path]
    """Folder that `keyhole bench` wrote."""
    link: str
    """Emulated link over which latency counts."""
    target: str | None = None
    """Model. Absent: each of the run's by itself."""
    defended: tuple[str, ...] = ()
    """Targets that are another one under a trained defence, as TARGET=BASE+DEFENCE: they count as designs of BASE."""
    max_ssim: float | None = None
    """Leak: the mean SSIM of the attack that gets most."""
    max_accuracy_loss: float | None = None
    """Points of accuracy below the undefended fp32 design of the same target."""
    max_latency: float | None = None
    """Median milliseconds from picture to answer."""
    max_edge_macs: float | None = None
    """Multiply-accumulates of the head for one picture, as 5e8."""

    def __post_init__(self) -> None:
        if self.max_ssim is not None and not -1 <= self.max_ssim <= 1:
            raise UsageError(f"--max-ssim {self.max_ssim:g}: SSIM lies between -1 and 1")
        for flag in ("max_accuracy_loss", "max_latency", "max_edge_macs"):
            value = getattr(self, flag)
            if value is not None and not value >= 0:
                raise UsageError(f"--{flag.replace('_', '-')} {value:g}: expected 0 or more")
