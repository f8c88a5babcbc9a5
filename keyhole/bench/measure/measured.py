"""What a measuring function returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyhole.bench.records import Record


@dataclass(frozen=True)
class Measured:
    """A record and what belongs beside it.

    Attributes:
        record: the figures.
        files: to be written into the run's folder, by path in it; the cell may run on another machine.
    """

    record: Record
    files: Mapping[str, bytes] = field(default_factory=dict)
