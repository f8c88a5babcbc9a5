"""What every measurement's command does with its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement import Measurement
from keyhole.terminal import terminal


@dataclass(frozen=True)
class Output:
    """Flags of every measurement."""

    json: Path | None = None
    """Also write the result to this file."""


def show(measured: Measurement, output: Output) -> None:
    """Print the table; write the file where one is named."""
    terminal().print(measured.table())
    if output.json:
        measured.save(output.json)
