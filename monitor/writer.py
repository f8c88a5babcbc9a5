"""A thread that does slow work in batches, off the path of the calls that ask for it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
_log = logging.getLogger(__name__)


class BatchWriter(Generic[Job]):
    """Hands jobs to ``work`` in the order they came, at most ``batch`` at a time.

    A full queue makes `put` wait. When ``work`` fails, later jobs are thrown away and `check` raises.

    Args:
        work: does a batch; runs in the writer's thread.
        batch: most jobs in one call.
        queued: most jobs held.
    """

    def __init__(self, work: Callable[[Sequence[Job]], None], batch: int = 256, queued: int = 4096) -> None:
        self._work = work
        self._batch = batch
        self._queue: queue.Queue[Job | None] = queue.Queue(queued)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Jobs waiting."""
        return self._queue.qsize()

    def put(self, job: Job) -> None:
        """Ask for a job."""
        self._queue.put(job)

    def check(self) -> None:
        """Raise what ``work`` failed with, if it did."""
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Return when every job asked for so far is done; raises as `check` does."""
        self._queue.join()
        self.check()

    def close(self) -> None:
        """Finish what was asked for and end the thread; raises as `check` does."""
        self._queue.put(None)
        self._thread.join()
        self.check()

    def _run(self) -> None:
        open_ = True
        while open_:
            taken = [self._queue.get()]
            while len(taken) < self._batch and taken[-1] is not None:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            open_ = taken[-1] is not None
            self._do([job for job in taken if job is not None])
            for _ in taken:
                self._queue.task_done()

    def _do(self, jobs: list[Job]) -> None:
        if self._failure is not None or not jobs:
            return
        try:
            self._work(jobs)
        except Exception as error:
            _log.error("cannot store the run: %s", error)
            self._failure = error
