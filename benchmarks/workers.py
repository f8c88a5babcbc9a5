"""Cells per minute of a benchmark, by number of workers."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.bench.store import open_results

WORKERS = (1, 2)


@dataclass(frozen=True)
class WorkersSettings(MeasurementSettings):
    """Count the cells of a benchmark that are measured in a minute."""

    cuts: tuple[str, ...] = ("layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1")
    """Cuts of a ResNet-18 of 64 pixels; each is attacked once."""


@dataclass(frozen=True)
class WorkersRow(Ratio):
    """Cells per minute of one number of workers."""

    workers: int = 0
    cells: int = 0
    seconds: float = 0.0
    per_minute: float = 0.0


def measure(workers: int, settings: WorkersSettings, first: float | None) -> WorkersRow:
    """One run of the benchmark, its start included; ``first`` is what one worker did in a minute."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        model = ("--targets", "resnet18", "--size", "64", "--cuts", *settings.cuts)
        attack = ("--preset", "standard", "--only", "leak", "--attacks", "pixels-white")
        plain = ("--codecs", "fp32", "--defences", "none")
        command = ("-m", "keyhole.cli", "bench", *model, *attack, *plain, "--workers", str(workers), "--out", str(out))
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - started
        cells = len(open_results(out).leaks)
    per_minute = 60 * cells / taken
    return WorkersRow(per_minute / (first or per_minute), None, None, workers, cells, taken, per_minute)


def measurement(settings: WorkersSettings) -> Measurement:
    """The measurement, with one row for each number of workers."""
    rows: list[WorkersRow] = []
    for workers in WORKERS:
        rows.append(measure(workers, settings, rows[0].per_minute if rows else None))
    return Measurement.of(
        rows,
        "Workers of a benchmark",
        """Cells of a benchmark per minute, from the start of the command to its end: white-box attacks by the standard
        suite on a ResNet-18 of 64 pixels, each tensor operation on one thread. The ratio is to one worker.""",
        {
            "workers": ("workers", ""),
            "cells": ("cells", ""),
            "seconds": ("seconds", ".0f"),
            "cells/min": ("per_minute", ".1f"),
        },
        "python -m benchmarks.workers",
    )


if __name__ == "__main__":
    run(WorkersSettings, measurement)
