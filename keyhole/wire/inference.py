"""The ``Inference`` service without needless copies: the cloud's side.

The messages on the wire are those of the proto: a standard stub works against it.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import grpc

from keyhole.v1 import inference_pb2
from keyhole.wire.chunks import from_chunks
from keyhole.wire.packed import PackedAnswer, PackedFrame
from keyhole.wire.server import Registration, time_left

SERVICE = inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name


class InferenceService(ABC):
    """What a cloud implements. Raise ``WireError`` to refuse a call."""

    @abstractmethod
    def describe(self) -> inference_pb2.DescribeResponse:
        """What the cloud runs."""

    @abstractmethod
    def infer(self, frame: PackedFrame, context: grpc.ServicerContext, until: float) -> PackedAnswer:
        """Finish one frame, whichever way it came. Called from several threads at once.

        Args:
            frame: what came.
            context: of the call that it came with, which may hold several.
            until: how long the caller waits for it, on the clock of ``time.monotonic``.
        """


def inference(service: InferenceService) -> Registration:
    """The service, for ``serve``: Describe, Infer and InferStream."""

    def describe(
        _request: inference_pb2.DescribeRequest, _context: grpc.ServicerContext
    ) -> inference_pb2.DescribeResponse:
        return service.describe()

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        return service.infer(PackedFrame.from_wire(request), context, _until(context)).to_wire()

    def infer_stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        until = _until(context)
        for frame in from_chunks(requests):
            yield service.infer(frame, context, until).to_wire()

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Describe": grpc.unary_unary_rpc_method_handler(
            describe,
            request_deserializer=inference_pb2.DescribeRequest.FromString,
            response_serializer=inference_pb2.DescribeResponse.SerializeToString,
        ),
        "Infer": grpc.unary_unary_rpc_method_handler(infer),
        "InferStream": grpc.stream_stream_rpc_method_handler(infer_stream),
    }
    return Registration.of(SERVICE, handlers)


def _until(context: grpc.ServicerContext) -> float:
    """Asked once in a call: gRPC counts what is left of it on the wall clock, which may be set back meanwhile."""
    left = time_left(context)
    return math.inf if left is None else time.monotonic() + left
