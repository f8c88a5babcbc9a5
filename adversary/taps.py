"""Taps: sources of copied frames, and the filter that decodes them for attacks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import grpc

from adversary.remote_oracle import ObservedCodec
from adversary.trained_attackers import ObservedOrigin
from keyhole.attacks.base import Observation
from keyhole.service.address import Address
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tap_pb2, tap_pb2_grpc
from keyhole.wire.channels import Backoff
from keyhole.wire.errors import WireError, explain, invalid
from keyhole.wire.frames import PackedFrame
from keyhole.wire.server import TOKEN_KEY
from keyhole.wire.tensors import AnyTensor, unpack

_WARNINGS = 16
_log = logging.getLogger(__name__)

Frame = PackedFrame | inference_pb2.Frame


class TapSubscription(AbstractContextManager["TapSubscription"], Protocol):
    """A source of copied frames, open for as long as its context."""

    @property
    def address(self) -> Address | None:
        """Address at which the edge takes it for the cloud, while the context is open; None if it takes no calls."""
        ...

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """Frames as they come, until ``stop``. It outlives restarts of what it listens to."""
        ...


class CloudTap(AbstractContextManager["CloudTap"]):
    """Subscribes to the cloud's tap, and again whenever the stream breaks.

    Args:
        channel: to the cloud; closed with the tap.
        token: the tap's secret.
        lost: called with the number of frames that the cloud dropped for this subscriber.
        backoff: pauses between attempts.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        token: str,
        lost: Callable[[int], object] = lambda _: None,
        backoff: Backoff | None = None,
    ) -> None:
        self._channel = channel
        self._metadata = ((TOKEN_KEY, token),)
        self._lost = lost
        self._backoff = backoff or Backoff(first=0.1, most=2.0)
        self._listened = False

    @property
    def address(self) -> None:
        """The edge calls the cloud itself."""
        return

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """Frames as they come, until ``stop``.

        Raises:
            UsageError: the cloud refused the token at first contact.
        """
        threading.Thread(target=self._close_at, args=(stop,), name="tap-close", daemon=True).start()
        attempt = 0
        while not stop.is_set():
            reason = "the cloud ended the stream"
            try:
                for frame in self._subscribe():
                    if attempt or not self._listened:
                        _log.info("listening at the cloud's tap")
                    self._listened, attempt = True, 0
                    yield frame
            except ValueError:  # how gRPC says that the channel was closed
                return
            except grpc.RpcError as error:
                reason = explain(error)
                if error.code() is grpc.StatusCode.PERMISSION_DENIED and not self._listened:
                    raise UsageError(f"--tap cloud: {reason}") from error
            if attempt == 0 and not stop.is_set():
                _log.warning("the cloud's tap is away; trying again", extra={"reason": reason})
            stop.wait(self._backoff.pause(attempt))
            attempt += 1

    def _subscribe(self) -> Iterator[Frame]:
        """One stream, to its end."""
        stub = tap_pb2_grpc.TapStub(self._channel)
        before = 0
        for tapped in stub.Subscribe(tap_pb2.SubscribeRequest(), metadata=self._metadata):
            self._lost(max(0, tapped.dropped - before))
            before = tapped.dropped
            yield tapped.frame

    def _close_at(self, stop: Stop) -> None:
        stop.wait()
        self._channel.close()


class FrameFilter:
    """Decodes and counts frames; skips those that nobody can read.

    Args:
        metrics: frames are counted here, by outcome and reason.
        target: which target the attacks are for; frames of another are let through, with one warning.
        defence: which defence they are for; the same.
        codec: is told how each frame is packed.
        origin: is told where each frame comes from.
    """

    def __init__(
        self,
        metrics: Metrics,
        target: str,
        defence: str,
        codec: ObservedCodec,
        origin: ObservedOrigin | None = None,
    ) -> None:
        self._metrics = metrics
        self._codec = codec
        self._origin = origin or ObservedOrigin()
        self._target, self._defence = target, defence
        self._warned: set[tuple[str, str]] = set()

    def admit(self, frame: Frame) -> Observation | None:
        """The decoded frame; None if it is malformed."""
        try:
            observation = observe(frame)
        except WireError as error:
            self._metrics.dropped.labels("malformed").inc()
            _log.warning("malformed frame", extra={"frame": frame.header.frame_id[:64], "reason": str(error)})
            return None
        self._metrics.frames.labels("tapped").inc()
        self._codec.note(frame.tensors[0].codec)
        self._origin.note(frame.header, frame.tensors[0].codec)
        self._compare("target", frame.header.target, self._target)
        self._compare("defence", frame.header.defence, self._defence)
        return observation

    def _compare(self, what: str, theirs: str, ours: str) -> None:
        if theirs != ours and (what, theirs) not in self._warned and len(self._warned) < _WARNINGS:
            self._warned.add((what, theirs))
            _log.warning("frames of another %s", what, extra={"theirs": theirs[:64], "ours": ours})


def observe(frame: Frame) -> Observation:
    """Decode a frame.

    Raises:
        WireError: INVALID_ARGUMENT, it is damaged, has no tensor, or is not a frame of one picture.
    """
    if not frame.header.frame_id:
        raise invalid("header.frame_id", "expected a name, got none")
    if not frame.tensors:
        raise invalid("tensors", "expected at least one tensor, got none")
    messages: Sequence[AnyTensor] = frame.tensors
    tensors = tuple(unpack(message, field=f"tensors[{index}]") for index, message in enumerate(messages))
    for index, tensor in enumerate(tensors):
        if tensor.dim() < 1 or len(tensor) != 1 or not tensor.numel():
            raise invalid(f"tensors[{index}].spec.shape", f"expected a batch of one, got {tuple(tensor.shape)}")
    return Observation(frame.header.frame_id, tensors)
