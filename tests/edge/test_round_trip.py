"""A frame's round trip to a real server: stages, retries, deadlines, refusals."""

from __future__ import annotations

import threading
import time

import grpc
import pytest
import torch

from edge.round_trip import Link, OutgoingFrame, RoundTrip
from keyhole.presentation.stages import STAGES, TOTAL
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import WireError, invalid
from keyhole.wire.frames import PackedAnswer, pack_frame
from keyhole.wire.link_profiles import link_profile
from keyhole.wire.server import InferenceService, inference_registration, serve
from keyhole.wire.tensors import ExpectedTensor, pack_view


class FakeCloud(InferenceService):
    """Answers with a fixed tensor, as ``behave`` tells it to."""

    def __init__(self, behave=lambda: None, output=None) -> None:
        self.behave = behave
        self.output = torch.tensor([[1.0, 3.0, 2.0]]) if output is None else output
        self.calls = 0

    def describe(self):
        return inference_pb2.DescribeResponse()

    def infer(self, frame, _context, _until):
        self.calls += 1
        self.behave()
        times = inference_pb2.CloudTimes(decode=1e-5, queue=2e-5, compute=3e-5, encode=4e-5)
        return PackedAnswer(frame.header.frame_id, (pack_view(self.output, tensor_pb2.CODEC_FP32),), times)


def start(cloud: FakeCloud, port: int = 0):
    return serve([inference_registration(cloud)], f"127.0.0.1:{port}", metrics=Metrics("cloud"))


@pytest.fixture
def given_up():
    return Stop()


@pytest.fixture
def travel(given_up):
    """Send one frame to a port; returns how it ended and how long it took."""
    channels = []

    def go(port: int, *, deadline: float = 5.0, link: str = "none"):
        channel = connect(f"127.0.0.1:{port}")
        channels.append(channel)
        round_trip = RoundTrip(
            InferenceClient(channel),
            Link(link_profile(link), time.perf_counter, given_up.wait),
            [ExpectedTensor("output", (1, 3), torch.float32)],
            deadline,
            given_up,
        )
        captured = time.perf_counter()
        header = inference_pb2.FrameHeader(frame_id="edge-0-1")
        frame = pack_frame(header, [torch.zeros(1, 4, 32, 32)], tensor_pb2.CODEC_FP32)
        computed, protected, encoded = captured + 0.5e-6, captured + 0.75e-6, time.perf_counter()
        result = round_trip(OutgoingFrame(frame, captured, computed, protected, encoded))
        return result, time.perf_counter() - captured

    yield go
    for channel in channels:
        channel.close()


def test_an_answered_frame_has_its_output_and_stages_that_add_up(travel):
    server = start(FakeCloud())
    result, _ = travel(server.port)
    server.stop(0)
    assert result.dropped == ""
    assert result.outputs[0].tolist() == [[1.0, 3.0, 2.0]]
    assert set(result.stages) == {*STAGES, TOTAL}
    parts = sum(seconds for stage, seconds in result.stages.items() if stage != "total")
    assert parts == pytest.approx(result.stages["total"], rel=1e-6)
    assert result.stages["cloud_compute"] == 3e-5
    assert result.stages["protect"] == pytest.approx(0.5 * result.stages["edge_compute"], rel=1e-2)


def test_the_link_delays_both_ways_and_counts_as_network(travel):
    server = start(FakeCloud())
    result, _ = travel(server.port, link="100mbit:60ms")
    server.stop(0)
    assert result.dropped == ""
    assert result.stages["network"] >= 0.11


def test_a_frame_that_the_link_cannot_carry_in_time_never_calls(travel):
    cloud = FakeCloud()
    server = start(cloud)
    result, seconds = travel(server.port, deadline=0.3, link="1kbit")
    server.stop(0)
    assert result.dropped == "deadline"
    assert 0.25 < seconds < 60  # the link would take 131
    assert cloud.calls == 0


def test_a_cloud_that_comes_late_is_tried_again(travel, quiet_address):
    port = quiet_address().port
    servers = []
    timer = threading.Timer(0.4, lambda: servers.append(start(FakeCloud(), port)))
    timer.start()
    result, seconds = travel(port, deadline=10)
    timer.join()
    servers[0].stop(0)
    assert result.dropped == ""
    assert seconds >= 0.35


def test_a_call_that_a_stopping_cloud_cancels_is_made_again(travel):
    def cancel():
        if cloud.calls < 3:
            raise WireError(grpc.StatusCode.CANCELLED, "frame", "the server is stopping")

    cloud = FakeCloud(behave=cancel)
    server = start(cloud)
    result, _ = travel(server.port)
    server.stop(0)
    assert result.dropped == ""
    assert cloud.calls == 3


def test_a_cloud_that_stays_away_costs_the_deadline(travel, quiet_address):
    result, seconds = travel(quiet_address().port, deadline=0.6)
    assert result.dropped == "deadline"
    assert seconds < 60


def test_a_cloud_that_hangs_costs_the_deadline(travel):
    gate = threading.Event()
    server = start(FakeCloud(behave=lambda: gate.wait(200)))
    result, seconds = travel(server.port, deadline=0.4)
    gate.set()
    server.stop(0)
    assert result.dropped == "deadline"
    assert 0.35 < seconds < 60


def test_a_refusal_is_final_and_says_why(travel):
    def refuse():
        raise invalid("tensors[0].spec.shape", "expected (1, 2), got (1, 4, 8, 8)")

    cloud = FakeCloud(behave=refuse)
    server = start(cloud)
    result, _ = travel(server.port)
    server.stop(0)
    assert result.dropped == "refused"
    assert "tensors[0].spec.shape: expected (1, 2)" in result.detail
    assert cloud.calls == 1


def test_an_answer_of_the_wrong_shape_is_a_refusal(travel):
    server = start(FakeCloud(output=torch.zeros(1, 5)))
    result, _ = travel(server.port)
    server.stop(0)
    assert result.dropped == "refused"
    assert "(1, 3)" in result.detail


def test_giving_up_ends_the_retries(travel, given_up, quiet_address):
    threading.Timer(0.3, given_up.set).start()
    result, seconds = travel(quiet_address().port, deadline=200)
    assert result.dropped == "deadline"
    assert seconds < 60
