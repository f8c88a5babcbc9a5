"""Dynamic micro-batching: frames of several edges share one forward pass of the tail.

The policy: one worker runs the tail. It takes everything that queued up while it was busy, up to ``max_batch``. It
waits for more, at most ``max_wait``, only while it knows of frames that are on their way (announced, still being
decoded). A lone frame therefore never waits, and under load the batch grows by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keyhole.nn.nesting import one_of

Features = tuple[Tensor, ...]


@dataclass(frozen=True)
class Result:
    """What the tail made of one frame.

    Attributes:
        output: of this frame alone: tensors of 1×…, in the structure in which the tail answers.
        queue: seconds between submission and the start of the forward pass.
        compute: seconds of the forward pass, shared by the whole batch.
        batch: frames in the forward pass.
    """

    output: Any
    queue: float
    compute: float
    batch: int


@dataclass(frozen=True)
class _Job:
    features: Features
    submitted: float
    future: Future[Result]


class Batcher:
    """Runs ``tail`` on one thread for every frame that is submitted. The tail gets copies and may write into them.

    Args:
        tail: live tensors N×…, in the plan's order, to an answer of which `one_of` says what each frame's is.
        max_batch: most frames in a forward pass.
        max_wait: most seconds to wait for announced frames.
        depth: called with the number of waiting frames whenever it changes.
    """

    def __init__(
        self,
        tail: Callable[[Features], Any],
        *,
        max_batch: int,
        max_wait: float,
        depth: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._tail = tail
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._depth = depth
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._announced = 0
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="tail", daemon=True)
        self._worker.start()

    @contextmanager
    def announce(self) -> Iterator[Callable[[Features], Future[Result]]]:
        """Say that a frame is on its way. Yields ``submit``; the announcement ends with it, or with the block."""
        with self._changed:
            self._announced += 1
        pending = [True]

        def submit(features: Features) -> Future[Result]:
            pending.clear()
            return self._submit(features)

        try:
            yield submit
        finally:
            if pending:
                with self._changed:
                    self._announced -= 1
                    self._changed.notify_all()

    def close(self) -> None:
        """Finish what waits, then end the worker. Later submissions fail."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._worker.join()

    def _submit(self, features: Features) -> Future[Result]:
        job = _Job(features, time.perf_counter(), Future())
        with self._changed:
            self._announced -= 1
            if self._closed:
                raise RuntimeError("the cloud is shutting down")
            self._waiting.append(job)
            self._depth(len(self._waiting))
            self._changed.notify_all()
        return job.future

    def _work(self) -> None:
        with torch.inference_mode():
            while jobs := self._next_batch():
                self._run([job for job in jobs if job.future.set_running_or_notify_cancel()])

    def _next_batch(self) -> list[_Job]:
        """The frames of the next forward pass; empty when closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: len(self._waiting) >= self._max_batch or self._announced == 0 or self._closed,
                timeout=self._max_wait,
            )
            jobs = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
            self._depth(len(self._waiting))
            return jobs

    def _run(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        started = time.perf_counter()
        try:
            answer = self._tail(_stack([job.features for job in jobs]))
            outputs = [one_of(answer, index, len(jobs)) for index in range(len(jobs))]
        except Exception as error:
            for job in jobs:
                job.future.set_exception(error)
            return
        compute = time.perf_counter() - started
        for job, output in zip(jobs, outputs, strict=True):
            job.future.set_result(Result(output, started - job.submitted, compute, len(jobs)))


def _stack(frames: Sequence[Features]) -> Features:
    """A batch in memory of its own, also of one frame: the tap may hold the memory of what was submitted."""
    return tuple(torch.cat(tensors) for tensors in zip(*frames, strict=True))
