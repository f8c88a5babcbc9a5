"""Execution of cells in processes of this machine. A failure is an outcome like any other.

The processes are started anew, not forked, and end with the process that started them, however that ends. A process
that dies takes its whole pool with it (`concurrent.futures`). The cells under way are then measured again, each in a
pool of its own: so the one that kills its process is found, and the others are not lost.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch

from keyhole.bench.axes import (
    AccuracyCell,
    Cell,
    LatencyCell,
    LeakCell,
    PictureCell,
    ProfileCell,
    ScaleCell,
    TrainingSetCell,
)
from keyhole.bench.measure.accuracy import accuracy
from keyhole.bench.measure.latency import latency
from keyhole.bench.measure.leak import leak
from keyhole.bench.measure.picture import picture
from keyhole.bench.measure.profile import profile
from keyhole.bench.measure.scale import scale
from keyhole.bench.measure.training_set import training_set
from keyhole.bench.records import CellRecord, Measured
from keyhole.bench.sweep import Sweep
from keyhole.service.files import replacing

LOGS = "logs"
MEASURES: Mapping[type[Cell], Callable[[Any, Sweep], Measured]] = MappingProxyType(
    {
        ProfileCell: profile,
        AccuracyCell: accuracy,
        LatencyCell: latency,
        PictureCell: picture,
        LeakCell: leak,
        ScaleCell: scale,
        TrainingSetCell: training_set,
    }
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
        measured = MEASURES[type(cell)](cell, sweep)
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
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)


@dataclass(frozen=True)
class ProcessPool:
    """An `Executor` that measures with several processes.

    Attributes:
        workers: processes.
    """

    workers: int

    def run(self, cells: Sequence[Cell], sweep: Sweep) -> Iterator[Finished]:
        """Each cell as it ends."""
        waiting = deque(cells)
        while waiting:
            suspects: list[Cell] = []
            yield from _drain(waiting, suspects, self.workers, sweep)
            for cell in suspects:
                guilty: list[Cell] = []
                yield from _drain(deque([cell]), guilty, 1, sweep)
                yield from map(died, guilty)


def _drain(waiting: deque[Cell], suspects: list[Cell], workers: int, sweep: Sweep) -> Iterator[Finished]:
    """Measure what waits until nothing does, or until a process dies: the cells under way are then suspects."""
    logs = sweep.folder / LOGS
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(waiting)), context, initializer=_start, initargs=(logs,))
    running: dict[Future[Finished], Cell] = {}
    try:
        while (waiting and not suspects) or running:
            while waiting and not suspects and len(running) < workers:
                cell = waiting.popleft()
                try:
                    running[pool.submit(attempt, cell, sweep, str(Path.cwd()))] = cell
                except BrokenProcessPool:
                    suspects.append(cell)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                try:
                    finished = future.result()
                except BrokenProcessPool:
                    suspects.append(cell)
                else:
                    yield finished
    finally:
        pool.shutdown(wait=not running, cancel_futures=True)


def _start(logs: Path) -> None:
    """Prepare a process: it ends with its parent, leaves Ctrl-C to it, and writes to a log of its own."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.mkdir(parents=True, exist_ok=True)
    log = os.open(logs / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


def _end_with_parent() -> None:
    process = multiprocessing.parent_process()
    if process is not None:
        process.join()
    os._exit(1)


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}\n\n{''.join(traceback.format_exception(error))}".rstrip()
