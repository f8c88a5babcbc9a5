"""Frame in, answer out: check, decode, copy to the tap, run the tail in batches, encode, and say how long each took.

Frames of several edges share one forward pass of the tail. One worker runs it. It takes everything that queued up while
it was busy, up to ``max_batch``. It waits for more, at most ``max_wait``, only while it knows of frames that are on
their way (announced, still being decoded). So a lone frame never waits, and under load the batch grows by itself.
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

import grpc
import torch
from torch import Tensor

from keyhole.nn.nested_tensors import named_tensors, one_of
from keyhole.partition import Partition, as_features
from keyhole.presentation.stages import cloud_stages
from keyhole.service.metrics import Metrics
from keyhole.targets import Target
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import WireError
from keyhole.wire.frames import Expectation, PackedAnswer, PackedFrame, expected_tensors, validate
from keyhole.wire.server import InferenceService
from keyhole.wire.tensors import pack_view, spec_of

Features = tuple[Tensor, ...]


@dataclass(frozen=True)
class TailResult:
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
    future: Future[TailResult]


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
    def announce(self) -> Iterator[Callable[[Features], Future[TailResult]]]:
        """Say that a frame is on its way. Yields ``submit``; the announcement ends with it, or with the block."""
        with self._changed:
            self._announced += 1
        pending = [True]

        def submit(features: Features) -> Future[TailResult]:
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

    def _submit(self, features: Features) -> Future[TailResult]:
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
            job.future.set_result(TailResult(output, started - job.submitted, compute, len(jobs)))


def _stack(frames: Sequence[Features]) -> Features:
    """A batch in memory of its own, also of one frame: the tap may hold the memory of what was submitted."""
    return tuple(torch.cat(tensors) for tensors in zip(*frames, strict=True))


_ANSWER_CODEC = tensor_pb2.CODEC_FP32


def tail_of(partition: Partition) -> Callable[[Features], Any]:
    """The tail as a `Batcher` calls it: from a tuple of live tensors."""
    return lambda tensors: partition.tail(as_features(tensors))


def expectation(target: Target, partition: Partition) -> Expectation:
    """The frames that this model's tail can finish."""
    plan = partition.plan
    return Expectation(target.name, target.hash, plan.cut, expected_tensors(plan.tensors))


def description(target: Target, partition: Partition) -> inference_pb2.DescribeResponse:
    """What an edge must know before it sends."""
    return inference_pb2.DescribeResponse(
        target=target.name,
        model_hash=target.hash,
        cut=partition.plan.cut,
        tensors=[spec_of(tensor.shape, tensor.dtype) for tensor in partition.plan.tensors],
        outputs=[spec_of(tensor.shape, tensor.dtype) for tensor in partition.plan.outputs],
        labels=target.labels,
        codecs=[tensor_pb2.Codec.ValueType(codec) for codec in CODECS],
    )


class Inference(InferenceService):
    """The ``Inference`` service.

    Args:
        description: the answer to Describe.
        expectation: what every frame is checked against.
        batcher: runs the tail.
        publish: takes each valid frame as it came, for the tap.
        metrics: stages and frames are counted here.
    """

    def __init__(
        self,
        description: inference_pb2.DescribeResponse,
        expectation: Expectation,
        batcher: Batcher,
        publish: Callable[[PackedFrame], None],
        metrics: Metrics,
    ) -> None:
        self._description = description
        self._expectation = expectation
        self._batcher = batcher
        self._publish = publish
        self._metrics = metrics

    def describe(self) -> inference_pb2.DescribeResponse:
        """See ``InferenceService.describe``."""
        return self._description

    def infer(self, frame: PackedFrame, context: grpc.ServicerContext, until: float) -> PackedAnswer:  # noqa: ARG002
        """See ``InferenceService.infer``."""
        try:
            answer = self._infer(frame, until)
        except WireError:
            self._metrics.frames.labels("refused").inc()
            raise
        self._metrics.frames.labels("answered").inc()
        return answer

    def _infer(self, frame: PackedFrame, until: float) -> PackedAnswer:
        started = time.perf_counter()
        with self._batcher.announce() as submit:
            features = validate(frame, self._expectation, share=True)
            decoded = time.perf_counter()
            self._publish(frame)
            waiting = submit(features)
        try:
            result = waiting.result(min(max(until - time.monotonic(), 0.0), threading.TIMEOUT_MAX))
        except TimeoutError as error:
            waiting.cancel()
            raise WireError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "frame", "the call's deadline passed before the tail was run"
            ) from error
        return self._answer(frame.header.frame_id, result, decoded - started)

    def _answer(self, frame_id: str, result: TailResult, decode: float) -> PackedAnswer:
        started = time.perf_counter()
        outputs = tuple(pack_view(tensor, _ANSWER_CODEC) for tensor in named_tensors(result.output).values())
        encode = time.perf_counter() - started
        times = inference_pb2.CloudTimes(decode=decode, queue=result.queue, compute=result.compute, encode=encode)
        for stage, seconds in cloud_stages(times).items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        return PackedAnswer(frame_id, outputs, times, result.batch)
