"""Cloud, oracle and monitor as the adversary meets them, small and scripted, over real sockets."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from functools import partial

import grpc
import torch

from keyhole.attacks.base import WhiteBox
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, oracle_pb2, oracle_pb2_grpc, referee_pb2, referee_pb2_grpc, tap_pb2, tensor_pb2
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.errors import WireError, invalid
from keyhole.wire.frames import PackedAnswer, PackedFrame, pack_frame
from keyhole.wire.pictures import unpack_picture
from keyhole.wire.server import (
    TOKEN_KEY,
    InferenceService,
    Registration,
    RunningServer,
    inference_registration,
    serve,
    tap_registration,
)
from keyhole.wire.tensors import pack

TOKEN = "s3cret"


def frame(name: str, *tensors: torch.Tensor, **header: str) -> PackedFrame:
    return pack_frame(FrameHeader(frame_id=name, **header), tensors, tensor_pb2.CODEC_FP32)


class Tapped:
    """A cloud's tap that hands out what the test publishes."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[tuple[PackedFrame, int]] = queue.Queue()
        self.subscribers = 0
        self._over = threading.Event()

    def publish(self, *frames: PackedFrame, lost: int = 0) -> None:
        for one in frames:
            self.waiting.put((one, lost))

    def subscribe(
        self, _request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext
    ) -> Iterator[tuple[PackedFrame, int]]:
        if dict(context.invocation_metadata()).get(TOKEN_KEY) != TOKEN:
            raise WireError(grpc.StatusCode.PERMISSION_DENIED, TOKEN_KEY, "wrong token")
        self.subscribers += 1
        over = self._over
        while context.is_active() and not over.is_set():
            try:
                yield self.waiting.get(timeout=0.05)
            except queue.Empty:
                continue

    def serve(self, port: int = 0) -> RunningServer:
        self._over = threading.Event()
        return serve([tap_registration(self.subscribe)], f"127.0.0.1:{port}", metrics=Metrics("cloud"))

    def end(self) -> None:
        """End the streams of the server that was started last, and wait until none can take another frame."""
        self._over.set()
        time.sleep(0.1)


class Cloud(InferenceService):
    """Answers every frame with its first tensor; refuses one that is called "bad"."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.metadata: list[dict[str, str | bytes]] = []

    def describe(self) -> inference_pb2.DescribeResponse:
        return inference_pb2.DescribeResponse(target="tiny", labels=["a", "b"])

    def infer(self, frame: PackedFrame, context: grpc.ServicerContext, _until: float) -> PackedAnswer:
        self.metadata.append(dict(context.invocation_metadata()))
        if frame.header.frame_id == "bad":
            raise invalid("header.cut", "expected another")
        self.got.append(frame.header.frame_id)
        return PackedAnswer(frame.header.frame_id, frame.tensors[:1])

    def serve(self, port: int = 0, **options) -> RunningServer:
        return serve([inference_registration(self)], f"127.0.0.1:{port}", metrics=Metrics("cloud"), **options)


class Oracle(oracle_pb2_grpc.OracleServicer):
    """The head behind a service."""

    def __init__(self, known: WhiteBox, budget: int = 10**9) -> None:
        self.known = known
        self.left = budget

    def Query(self, request, _context):  # noqa: N802
        if len(request.pictures) > self.left:
            raise WireError(grpc.StatusCode.RESOURCE_EXHAUSTED, "pictures", "the budget is spent")
        self.left -= len(request.pictures)
        pictures = torch.stack([unpack_picture(one, field="pictures") for one in request.pictures])
        with torch.no_grad():
            features = self.known.head(self.known.normalise(pictures))
        return oracle_pb2.QueryResponse(tensors=[pack(features, request.codec)])

    def serve(self, port: int = 0) -> RunningServer:
        add = partial(oracle_pb2_grpc.add_OracleServicer_to_server, self)
        return serve([Registration("keyhole.v1.Oracle", add)], f"127.0.0.1:{port}", metrics=Metrics("oracle"))


class Monitor(referee_pb2_grpc.RefereeServicer):
    """Keeps every reconstruction, what the blind attacker shows by itself, rosters and pictures of classes."""

    def __init__(self) -> None:
        self.got: list[referee_pb2.Reconstruction] = []
        self.blind: list[referee_pb2.Reconstruction] = []
        self.rosters: list[referee_pb2.Roster] = []
        self.classes: list[referee_pb2.ClassPicture] = []

    def Announce(self, request, _context):  # noqa: N802
        self.rosters.append(request)
        return referee_pb2.Ack()

    def Recall(self, request, _context):  # noqa: N802
        self.classes.append(request)
        return referee_pb2.Ack()

    def Submit(self, request, _context):  # noqa: N802
        (self.blind if request.attack == "blind" else self.got).append(request)
        return referee_pb2.Ack()

    def serve(self, port: int = 0) -> RunningServer:
        add = partial(referee_pb2_grpc.add_RefereeServicer_to_server, self)
        return serve([Registration("keyhole.v1.Referee", add)], f"127.0.0.1:{port}", metrics=Metrics("monitor"))
