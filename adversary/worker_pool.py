"""The pool of workers: every frame or clip goes to all that take it, and the newest to those that come later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from adversary.frame_queue import Frames
from adversary.worker import Worker
from keyhole.attacks.base import Observation


class WorkerPool:
    """Workers of attacks that begin at different times. Safe for several threads.

    Args:
        gather: the clip that a frame completes, see `ClipGatherer.offer`; for workers that take clips.
    """

    def __init__(self, gather: Callable[[Observation], Frames | None] = lambda _: None) -> None:
        self._lock = threading.Lock()
        self._gather = gather
        self._workers: dict[bool, list[Worker]] = {False: [], True: []}
        self._newest: dict[bool, Frames] = {}
        self._closing: list[Callable[[], object]] = []

    def add(self, worker: Worker, drain_seconds: float, *, clips: bool = False) -> None:
        """A worker that takes frames, or clips, from the newest one on; it is closed within ``drain_seconds``."""
        with self._lock:
            self._workers[clips].append(worker)
            newest = self._newest.get(clips)
        self.close_with(lambda: worker.close(drain_seconds))
        if newest is not None:
            worker.offer(*newest)

    def offer(self, frame: Observation) -> None:
        """Hand a frame, and the clip that it completes, to all workers that take it; never waits."""
        self._hand_out((frame,), clips=False)
        if (clip := self._gather(frame)) is not None:
            self._hand_out(clip, clips=True)

    def _hand_out(self, frames: Frames, *, clips: bool) -> None:
        with self._lock:
            self._newest[clips] = frames
            workers = tuple(self._workers[clips])
        for worker in workers:
            worker.offer(*frames)

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
