"""What of a sample goes where: its secrets to the monitor, nothing of them into a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch

from edge.reporter import Reporter
from edge.tally import Tally
from edge.witness import Witness
from keyhole.data import Sample
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, referee_pb2
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import pack_frame
from keyhole.wire.secrets import unpack_secrets
from tests.judge.making import LABELS


class Ear:
    """Takes messages as a witness does, at once."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def tell(self, make: Callable[[], Any]) -> None:
        self.heard.append(make())


def reported(sample: Sample) -> tuple[Any, list[Any]]:
    """The frame of a sample, and what the monitor is told."""
    ear = Ear()
    reporter = Reporter(Tally(Metrics("edge")), cast("Witness", ear), referee_pb2.Deployment(edge="edge-0"), ())
    header = inference_pb2.FrameHeader(frame_id="edge-0-1", edge="edge-0", target="tiny", cut="layer1")
    frame = pack_frame(header, (sample.picture[None],), codec_named("fp32"))
    reporter.leaves(frame, sample)
    reporter.drops("edge-0-1", "backlog")
    return frame, ear.heard


def test_secrets_go_to_the_monitor_with_the_truth_alone() -> None:
    frame, (truth, outcome) = reported(Sample(torch.rand(3, 16, 16), "7", LABELS))
    assert unpack_secrets(truth.secrets, field="secrets") == LABELS
    assert LABELS.plate.encode() in truth.SerializeToString()
    assert LABELS.plate.encode() not in outcome.SerializeToString()
    sent = frame.header.SerializeToString() + b"".join(bytes(tensor.payload) for tensor in frame.tensors)
    assert LABELS.plate.encode() not in sent
    assert b"secret" not in sent


def test_a_sample_without_secrets_tells_none() -> None:
    _, (truth, _) = reported(Sample(torch.rand(3, 16, 16), "7"))
    assert not truth.HasField("secrets")
