"""The pool of workers: every frame goes to all of them, and the newest to those that come later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from adversary.worker import Worker
from keyhole.attacks.base import Observation


class WorkerPool:
    """Workers of attacks that begin at different times. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._closing: list[Callable[[], object]] = []
        self._newest: Observation | None = None

    def add(self, worker: Worker, drain_seconds: float) -> None:
        """A worker that takes frames from the newest one on; it is closed within ``drain_seconds``."""
        with self._lock:
            self._workers.append(worker)
            newest = self._newest
        self.close_with(lambda: worker.close(drain_seconds))
        if newest is not None:
            worker.offer(newest)

    def offer(self, frame: Observation) -> None:
        """Hand a frame to all workers; never waits."""
        with self._lock:
            self._newest = frame
            workers = tuple(self._workers)
        for worker in workers:
            worker.offer(frame)

    def close_with(self, close: Callable[[], object]) -> None:
        """Have something closed when the workers are."""
        with self._lock:
            self._closing.append(close)

    def close(self, seconds: float) -> None:
        """Close all at once, within ``seconds``: a worker may wait for a network, and that for the oracle."""
        with self._lock:
            closing = tuple(self._closing)
        threads = [threading.Thread(target=close, name="close", daemon=True) for close in closing]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
