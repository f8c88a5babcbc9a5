"""A pool of processes on this machine.

The processes are started anew, not forked, and end with the one that started them, however that ends. A process that
dies takes its whole pool with it (`concurrent.futures`); the cells that were under way are then measured again, each
in a pool of its own, so that the one that kills its process is found and the others are not lost.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from keyhole.bench.axes import Cell
from keyhole.bench.running.executor import Finished, attempt, died
from keyhole.bench.sweep import Sweep

LOGS = "logs"


@dataclass(frozen=True)
class ProcessPool:
    """See `bench.running.executor.Executor`.

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
