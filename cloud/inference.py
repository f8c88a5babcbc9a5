"""Frame in, answer out: check, decode, copy to the tap, run the tail, encode, and say how long each took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import grpc

from cloud.batching import Batcher, Result
from keyhole.nn.nesting import named_tensors
from keyhole.partition import Partition
from keyhole.service.metrics import Metrics
from keyhole.targets import Target
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import WireError
from keyhole.wire.frames import Expectation, PackedAnswer, PackedFrame, expected_tensors, validate
from keyhole.wire.server import InferenceService
from keyhole.wire.tensors import pack_view, spec_of

_ANSWER_CODEC = tensor_pb2.CODEC_FP32


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

    def _answer(self, frame_id: str, result: Result, decode: float) -> PackedAnswer:
        started = time.perf_counter()
        outputs = tuple(pack_view(tensor, _ANSWER_CODEC) for tensor in named_tensors(result.output).values())
        encode = time.perf_counter() - started
        times = inference_pb2.CloudTimes(decode=decode, queue=result.queue, compute=result.compute, encode=encode)
        stages = {
            "cloud_decode": decode,
            "queue": result.queue,
            "cloud_compute": result.compute,
            "cloud_encode": encode,
        }
        for stage, seconds in stages.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        return PackedAnswer(frame_id, outputs, times, result.batch)
