"""A small cloud that checks frames and sends their first tensor back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
import pytest
import torch

from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2
from keyhole.wire.channels import connect
from keyhole.wire.frames import Expectation, PackedAnswer, PackedFrame, validate
from keyhole.wire.server import InferenceService, RunningServer, inference_registration, serve
from keyhole.wire.tensors import ExpectedTensor, pack_view

torch.set_num_threads(1)

EXPECTATION = Expectation(
    target="resnet18",
    model_hash="0123456789abcdef",
    cut="layer2",
    tensors=(
        ExpectedTensor("features", (1, 4, 3, 3), torch.float32),
        ExpectedTensor("skip", (1, 2, 3), torch.float16),
    ),
    codecs=frozenset({1, 2, 4, 5}),
)


@dataclass
class Echo(InferenceService):
    """Answers with the first tensor. ``expectation`` may be changed while it serves."""

    expectation: Expectation = EXPECTATION
    frames: list[PackedFrame] = field(default_factory=list)

    def describe(self) -> inference_pb2.DescribeResponse:
        return inference_pb2.DescribeResponse(target=self.expectation.target, cut=self.expectation.cut)

    def infer(self, frame: PackedFrame, _context: grpc.ServicerContext, _until: float) -> PackedAnswer:
        if frame.header.frame_id == "crash":
            raise RuntimeError("the tail broke")
        tensors = validate(frame, self.expectation)
        self.frames.append(frame)
        return PackedAnswer(frame.header.frame_id, (pack_view(tensors[0], 1),), batch=1)


@dataclass(frozen=True)
class Cloud:
    """A live server and a channel to it."""

    echo: Echo
    metrics: Metrics
    server: RunningServer
    channel: grpc.Channel

    def calls(self, method: str, code: str) -> float:
        """Calls counted so far."""
        labels = {"method": f"/keyhole.v1.{method}", "code": code}
        return self.metrics.registry.get_sample_value("keyhole_rpc_total", labels) or 0.0


@pytest.fixture
def expectation() -> Expectation:
    return EXPECTATION


@pytest.fixture
def header() -> inference_pb2.FrameHeader:
    return inference_pb2.FrameHeader(
        frame_id="edge-0-1",
        edge="edge-0",
        target=EXPECTATION.target,
        model_hash=EXPECTATION.model_hash,
        cut=EXPECTATION.cut,
        defence="none",
    )


@pytest.fixture
def tensors() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(t.shape, generator=generator).to(t.dtype) for t in EXPECTATION.tensors]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    echo, metrics = Echo(), Metrics("cloud")
    server = serve([inference_registration(echo)], "127.0.0.1:0", metrics=metrics)
    with connect(server.address) as channel:
        yield Cloud(echo, metrics, server, channel)
    server.stop(0)
