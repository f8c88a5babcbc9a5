"""Execution of one cell where this runs. A failure is an outcome like any other."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch

from keyhole.bench.axes import Cell
from keyhole.bench.measure.accuracy import accuracy
from keyhole.bench.measure.latency import latency
from keyhole.bench.measure.leak import leak
from keyhole.bench.measure.profile import profile
from keyhole.bench.records import CellRecord, Measured
from keyhole.bench.settings import CellKind
from keyhole.bench.sweep import Sweep

MEASURES: Mapping[CellKind, Callable[[Any, Sweep], Measured]] = MappingProxyType(
    {"profile": profile, "accuracy": accuracy, "latency": latency, "leak": leak}
)


@dataclass(frozen=True)
class Finished:
    """A cell that ended.

    Attributes:
        cell: which.
        record: what was measured; None where it failed.
        error: its last line, then the traceback; empty where it did not fail.
        seconds: wall time.
        files: to be written into the run's folder, by path in it.
        machine: name of the one that measured.
    """

    cell: Cell
    record: CellRecord | None
    error: str
    seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)
    machine: str = field(default_factory=platform.node)


class Executor(Protocol):
    """Who measures cells, one by one or several at once."""

    def run(self, cells: Sequence[Cell], sweep: Sweep) -> Iterator[Finished]:
        """Each cell as it ends, in any order."""


def attempt(cell: Cell, sweep: Sweep, folder: str) -> Finished:
    """Measure a cell.

    Args:
        cell: which.
        sweep: of the run.
        folder: the working folder of whoever started the run; relative paths are meant from there.
    """
    started = time.perf_counter()
    try:
        os.chdir(folder)
        torch.set_num_threads(sweep.settings.threads)
        measured = MEASURES[cell.kind](cell, sweep)
    except Exception as error:
        return Finished(cell, None, _error_text(error), time.perf_counter() - started)
    return Finished(cell, measured.record, "", time.perf_counter() - started, measured.files)


def died(cell: Cell) -> Finished:
    """A cell whose process ended under it."""
    return Finished(cell, None, "the process that measured it ended: it was killed, or had not enough memory", 0.0)


def write_files(run: Path, files: Mapping[str, bytes]) -> None:
    """Write what a cell left into the run's folder."""
    for name, content in files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(content)
        partial.replace(path)


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}\n\n{''.join(traceback.format_exception(error))}".rstrip()
