"""Client of the Inference service."""

from __future__ import annotations

from typing import Any

import grpc

from keyhole.v1 import inference_pb2
from keyhole.wire.chunks import to_chunks
from keyhole.wire.errors import WireError
from keyhole.wire.frames import PackedAnswer, PackedFrame
from keyhole.wire.limits import UNARY_LIMIT
from keyhole.wire.methods import INFERENCE


class InferenceClient:
    """Calls a cloud. Safe to use from several threads at once.

    Args:
        channel: as ``connect`` makes it; the caller closes it.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._describe: Any = channel.unary_unary(
            f"/{INFERENCE}/Describe",
            request_serializer=inference_pb2.DescribeRequest.SerializeToString,
            response_deserializer=inference_pb2.DescribeResponse.FromString,
        )
        self._infer: Any = channel.unary_unary(f"/{INFERENCE}/Infer", None, None)
        self._stream: Any = channel.stream_stream(f"/{INFERENCE}/InferStream", None, None)

    def describe(self, timeout: float) -> inference_pb2.DescribeResponse:
        """What the cloud runs. ``timeout`` in seconds.

        Raises:
            grpc.RpcError: the call failed.
        """
        response: inference_pb2.DescribeResponse = self._describe(inference_pb2.DescribeRequest(), timeout=timeout)
        return response

    def infer(self, frame: PackedFrame, timeout: float) -> PackedAnswer:
        """Send a frame and wait for its answer: in one message up to ``UNARY_LIMIT`` bytes of payload, in chunks above.

        Args:
            frame: as ``pack_frame`` makes it.
            timeout: seconds.

        Raises:
            grpc.RpcError: the call failed.
            WireError: the answer is damaged or belongs to another frame.
        """
        if frame.payload_bytes > UNARY_LIMIT:
            answers = [PackedAnswer.from_wire(answer) for answer in self._stream(to_chunks(frame), timeout=timeout)]
        else:
            answers = [PackedAnswer.from_wire(self._infer(frame.to_wire(), timeout=timeout))]
        if [answer.frame_id for answer in answers] != [frame.header.frame_id]:
            got = [answer.frame_id for answer in answers]
            raise WireError(
                grpc.StatusCode.INTERNAL, "frame_id", f"expected one answer to {frame.header.frame_id!r}, got {got}"
            )
        return answers[0]
