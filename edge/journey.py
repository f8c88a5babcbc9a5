"""What happens to a frame between the device and its answer: link, cloud, link, decoding."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from torch import Tensor

from edge.link import Link
from keyhole.service.lifecycle import Stop
from keyhole.wire.client import InferenceClient, Retry
from keyhole.wire.errors import WireError, explain
from keyhole.wire.frames import PackedAnswer, PackedFrame
from keyhole.wire.tensors import ExpectedTensor, unpack_all

_PAUSE_SECONDS = 0.05  # before a cancelled call is made again
DEADLINE, REFUSED, BACKLOG = "deadline", "refused", "backlog"
_LATE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


@dataclass(frozen=True)
class Departure:
    """A frame ready to leave, with the edge's clock (``time.perf_counter``) at each step behind it.

    Attributes:
        frame: what leaves.
        captured: when the picture was taken.
        computed: when the head was done.
        protected: when the defence was.
        encoded: when the frame was packed.
    """

    frame: PackedFrame
    captured: float
    computed: float
    protected: float
    encoded: float


@dataclass(frozen=True)
class Arrival:
    """How a frame ended.

    Attributes:
        outputs: the tensors of the model's answer, 1×… each; none where the frame was dropped.
        dropped: reason, empty where it was answered.
        detail: what the cloud said, where it refused.
        stages: seconds by stage; they add up to ``total``. Empty where the frame was dropped.
    """

    outputs: tuple[Tensor, ...] = ()
    dropped: str = ""
    detail: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)


class Journey:
    """Takes frames to the cloud and back. Called from several threads at once.

    A call is repeated while the cloud is away, within the frame's deadline; the emulated link is charged once.

    Args:
        client: to the cloud.
        link: emulated link, both ways.
        outputs: the tensors of which the cloud's answer must consist.
        deadline: seconds from picture to answer.
        given_up: once set, frames on their way are given up.
        clock: as in ``Departure``.
    """

    def __init__(
        self,
        client: InferenceClient,
        link: Link,
        outputs: Sequence[ExpectedTensor],
        deadline: float,
        given_up: Stop,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._client = client
        self._link = link
        self._outputs = outputs
        self._deadline = deadline
        self._given_up = given_up
        self._clock = clock

    def __call__(self, departure: Departure) -> Arrival:
        """Take a frame all the way; never raises for what a cloud or a network can do."""
        try:
            answer = self._exchange(departure.frame, departure.captured + self._deadline)
            arrived = self._clock()
            outputs = unpack_all(answer.outputs, field="outputs", expected=self._outputs)
        except _LateError:
            return Arrival(dropped=DEADLINE)
        except grpc.RpcError as error:
            late = isinstance(error, grpc.Call) and error.code() in _LATE
            return Arrival(dropped=DEADLINE) if late else Arrival(dropped=REFUSED, detail=explain(error))
        except WireError as error:
            return Arrival(dropped=REFUSED, detail=f"unusable answer: {error}")
        return Arrival(outputs, stages=_stages(departure, answer, arrived, self._clock()))

    def _exchange(self, frame: PackedFrame, limit: float) -> PackedAnswer:
        if not self._link.carry_up(frame.payload_bytes + frame.header.ByteSize(), limit):
            raise _LateError
        if self._clock() >= limit or self._given_up.is_set():
            raise _LateError
        answer = self._call(frame, limit)
        if not self._link.carry_down(answer.payload_bytes, limit) or self._given_up.is_set():
            raise _LateError
        return answer

    def _call(self, frame: PackedFrame, limit: float) -> PackedAnswer:
        """Call until the cloud answers. One that stops cancels the calls that it has not begun; they are made again."""
        while True:
            try:
                return Retry(limit - self._clock()).call(lambda left: self._client.infer(frame, left), self._given_up)
            except grpc.RpcError as error:
                cancelled = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.CANCELLED
                if not cancelled or self._given_up.is_set():
                    raise
            except ValueError as error:  # how gRPC says that the channel was closed
                if self._given_up.is_set():
                    raise _LateError from error
                raise
            self._given_up.wait(_PAUSE_SECONDS)


class _LateError(Exception):
    """The frame's time is over."""


def _stages(departure: Departure, answer: PackedAnswer, arrived: float, decoded: float) -> dict[str, float]:
    times = answer.times
    in_cloud = {
        "cloud_decode": times.decode,
        "queue": times.queue,
        "cloud_compute": times.compute,
        "cloud_encode": times.encode,
    }
    return {
        "edge_compute": departure.computed - departure.captured,
        "protect": departure.protected - departure.computed,
        "encode": departure.encoded - departure.protected,
        "network": max(0.0, arrived - departure.encoded - sum(in_cloud.values())),
        **in_cloud,
        "decode": decoded - arrived,
        "total": decoded - departure.captured,
    }
