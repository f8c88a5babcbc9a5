"""One frame's way from the device to its answer: emulated link, cloud, link, decoding."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from torch import Tensor

from keyhole.presentation import stages
from keyhole.service.lifecycle import Stop
from keyhole.wire.channels import Retry
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import AWAY, WireError, explain
from keyhole.wire.frames import PackedAnswer, PackedFrame
from keyhole.wire.link_profiles import LinkProfile
from keyhole.wire.tensors import ExpectedTensor, unpack_all

BURST = 1500.0  # bytes that pass at once: one Ethernet packet
_PAUSE_SECONDS = 0.05  # before a cancelled call is made again
DEADLINE, REFUSED, BACKLOG = "deadline", "refused", "backlog"


@dataclass(frozen=True)
class OutgoingFrame:
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
class FrameResult:
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


class RoundTrip:
    """Takes frames to the cloud and back. Called from several threads at once.

    A call is repeated while the cloud is away, within the frame's deadline; the emulated link is charged once.

    Args:
        client: to the cloud.
        link: emulated link, both ways.
        outputs: the tensors of which the cloud's answer must consist.
        deadline: seconds from picture to answer.
        given_up: once set, frames on their way are given up.
        clock: as in ``OutgoingFrame``.
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

    def __call__(self, outgoing: OutgoingFrame) -> FrameResult:
        """Take a frame all the way; never raises for what a cloud or a network can do."""
        try:
            answer = self._exchange(outgoing.frame, outgoing.captured + self._deadline)
            arrived = self._clock()
            outputs = unpack_all(answer.outputs, field="outputs", expected=self._outputs)
        except _LateError:
            return FrameResult(dropped=DEADLINE)
        except grpc.RpcError as error:
            late = isinstance(error, grpc.Call) and error.code() in AWAY
            return FrameResult(dropped=DEADLINE) if late else FrameResult(dropped=REFUSED, detail=explain(error))
        except WireError as error:
            return FrameResult(dropped=REFUSED, detail=f"unusable answer: {error}")
        return FrameResult(outputs, stages=_stages(outgoing, answer, arrived, self._clock()))

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


def _stages(outgoing: OutgoingFrame, answer: PackedAnswer, arrived: float, decoded: float) -> dict[str, float]:
    in_cloud = stages.cloud_stages(answer.times)
    return {
        stages.EDGE_COMPUTE: outgoing.computed - outgoing.captured,
        stages.PROTECT: outgoing.protected - outgoing.computed,
        stages.ENCODE: outgoing.encoded - outgoing.protected,
        stages.NETWORK: max(0.0, arrived - outgoing.encoded - sum(in_cloud.values())),
        **in_cloud,
        stages.DECODE: decoded - arrived,
        stages.TOTAL: decoded - outgoing.captured,
    }


class LinkDirection:
    """One direction of a link. Times are seconds on any one clock."""

    def __init__(self, rate: float, delay: float, burst: float = BURST) -> None:
        self._bytes_per_second = rate / 8
        self._delay = delay
        self._burst = burst
        self._tokens = burst
        self._filled_at = -math.inf
        self._lock = threading.Lock()

    def send(self, size: int, now: float, deadline: float = math.inf) -> float:
        """Put ``size`` bytes on the link at ``now``; returns when the last one arrives.

        A transfer that cannot leave before ``deadline`` is cut off there: it holds the link no longer than that, and
        the arrival is infinite.
        """
        if math.isinf(self._bytes_per_second):
            return now + self._delay if now + self._delay <= deadline else math.inf
        with self._lock:
            idle = max(0.0, now - self._filled_at)
            tokens = min(self._burst, self._tokens + idle * self._bytes_per_second)
            wait = max(0.0, size - tokens) / self._bytes_per_second
            self._filled_at = now
            if now + wait > deadline:
                self._tokens = min(tokens, -max(0.0, deadline - now) * self._bytes_per_second)
                return math.inf
            self._tokens = tokens - size
        arrival = now + wait + self._delay
        return arrival if arrival <= deadline else math.inf


class Link:
    """An emulated link between the edge and the cloud, which may run on the same machine.

    It makes a frame take as long as over a radio. Each direction is a token bucket for the rate, followed by a fixed
    delay; frames share it first come, first served.

    Args:
        profile: rates and delay.
        clock: seconds, monotonic.
        sleep: waits that many seconds; returns early if the run is stopped.
    """

    def __init__(self, profile: LinkProfile, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self.profile = profile
        self._up = LinkDirection(profile.up, profile.delay)
        self._down = LinkDirection(profile.down, profile.delay)
        self._clock = clock
        self._sleep = sleep

    def carry_up(self, size: int, deadline: float) -> bool:
        """Wait as long as ``size`` bytes take to the cloud; False if ``deadline`` (on the clock) comes first."""
        return self._carry(self._up, size, deadline)

    def carry_down(self, size: int, deadline: float) -> bool:
        """Carry bytes from the cloud to the edge; see `carry_up`."""
        return self._carry(self._down, size, deadline)

    def _carry(self, direction: LinkDirection, size: int, deadline: float) -> bool:
        now = self._clock()
        arrival = direction.send(size, now, deadline)
        self._sleep(max(0.0, min(arrival, deadline) - now))
        return arrival <= deadline
