"""Flags of ``keyhole legibility``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyhole.service.errors import UsageError

FEWEST = 10
"""Pictures that make a measurement."""


@dataclass(frozen=True)
class LegibilitySettings:
    """Measure from which size on a judge reads secrets from thumbnails of true pictures, better than by guessing.

    Audit pictures of streetcam are shrunk to 1, 2, 3, 4, 6, 8 … pixels and enlarged again, and the judge is asked for
    plates, drivers and vehicles. What it read is kept beside its weights as legibility.json: alarms and `keyhole
    recommend` start where it begins to read. `keyhole train judge` ends with it.
    """

    judge: Path | None = None
    """Folder of a judge, as `keyhole train judge` makes it. Absent: the shipped one."""
    n: int = 400
    """Pictures."""
    seed: int = 1
    """Seed of the pictures. Attacks are scored on those of seed 0 unless told otherwise."""

    def __post_init__(self) -> None:
        if self.n < FEWEST:
            raise UsageError(f"--n {self.n}: expected {FEWEST} or more")
