"""The remote oracle over a real socket: its answers are the numbers that frames of the same pictures would carry."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from adversary.process import adversary
from adversary.remote_oracle import ObservedCodec, RemoteOracle
from adversary.settings import AdversarySettings
from adversary.taps import FrameFilter, observe
from keyhole.attacks.base import OracleAwayError, WhiteBox
from keyhole.partition import partitioned
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import tensor_pb2
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.channels import connect
from keyhole.wire.codec_registry import CODEC_NAMES, codec_named
from keyhole.wire.frames import pack_frame
from tests.adversary.servers import TOKEN, Oracle, Tapped
from tests.attacks.tiny import pictures, white_box
from tests.system.tiny_target import SIZE
from tests.waiting import wait_until


class Recording(Oracle):
    """Keeps the codec of every query."""

    def __init__(self, known) -> None:
        super().__init__(known)
        self.codecs: list[int] = []

    def Query(self, request, context):  # noqa: N802
        self.codecs.append(request.codec)
        return super().Query(request, context)


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_an_answer_is_what_frames_of_the_pictures_carry(name):
    """Pictures of different loudness, which share no scale of int8; a head that computes nothing rounds nothing."""
    shown, codec = pictures(4) * torch.tensor([0.05, 0.2, 0.5, 1.0]).view(-1, 1, 1, 1), ObservedCodec()
    shown = (shown * 255).round() / 255
    framed = [pack_frame(FrameHeader(frame_id="f"), [one[None]], codec_named(name)) for one in shown]
    FrameFilter(Metrics("adversary"), "", "", codec).admit(framed[0])
    served, counted = Recording(WhiteBox(nn.Identity(), lambda batch: batch, SIZE)), []
    server = served.serve()
    with connect(f"127.0.0.1:{server.port}") as channel:
        (answer,) = RemoteOracle(channel, codec, counted.append).query(shown)
    server.stop(0)
    expected = torch.cat([observe(one).tensors[0] for one in framed])
    torch.testing.assert_close(answer, expected, rtol=0, atol=0)
    assert set(served.codecs) == {codec_named(name)}
    assert sum(counted) == 4


def test_before_the_first_frame_nobody_knows_how_and_then_the_newest_frame_says():
    served, codec = Recording(white_box()), ObservedCodec()
    server = served.serve()
    with connect(f"127.0.0.1:{server.port}") as channel:
        oracle = RemoteOracle(channel, codec, patience=0.05)
        with pytest.raises(OracleAwayError, match="no frame has been tapped"):
            oracle.query(pictures(2))
        assert served.codecs == []
        patient = RemoteOracle(channel, codec, patience=30)
        threading.Timer(0.05, codec.note, [tensor_pb2.CODEC_BF16]).start()
        patient.query(pictures(2))
        codec.note(tensor_pb2.CODEC_FP32_ZSTD)
        patient.query(pictures(2))
    server.stop(0)
    assert served.codecs == [tensor_pb2.CODEC_BF16, tensor_pb2.CODEC_FP32_ZSTD]


def test_the_process_asks_as_its_taps_frames_are_packed(quiet_address):
    addresses = {name: str(quiet_address()) for name in ("cloud", "oracle", "metrics")}
    settings = AdversarySettings(
        target="tests.system.tiny_target:tiny",
        cut="stem",
        tap_token=TOKEN,
        attacks=("pixels-black",),
        public="leaves",
        referee=None,
        **addresses,
    )
    target, partition = partitioned(settings)
    cloud = Tapped()
    oracle = Recording(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    ports = [int(settings.cloud.rpartition(":")[2]), int(settings.oracle.rpartition(":")[2])]
    servers, stop = [cloud.serve(ports[0]), oracle.serve(ports[1])], Stop()
    running = threading.Thread(target=adversary, args=(settings, stop), daemon=True)
    running.start()
    wait_until(lambda: cloud.subscribers)
    assert oracle.codecs == []
    with torch.no_grad():
        features = partition.head(target.preprocess.normalise(pictures(1, 0, SIZE)))
    cloud.publish(pack_frame(FrameHeader(frame_id="edge-0"), [features], tensor_pb2.CODEC_INT8))
    wait_until(lambda: oracle.codecs)
    stop.set()
    running.join(30)
    cloud.end()
    for server in servers:
        server.stop(0)
    assert set(oracle.codecs) == {tensor_pb2.CODEC_INT8}
