from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import torch

from keyhole.service.address import Address
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.channels import Backoff, Retry, connect, wait_ready
from keyhole.wire.client import InferenceClient
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.server import inference_registration, serve

QUICK = Backoff(first=0.01, most=0.05)


@pytest.fixture
def frame(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> PackedFrame:
    return pack_frame(header, tensors, tensor_pb2.CODEC_FP32)


def test_wait_ready_returns_when_the_server_serves(cloud: Any) -> None:
    wait_ready(cloud.server.address, 10)
    wait_ready(str(cloud.server.address), 10, service="keyhole.v1.Inference")


def test_wait_ready_waits_for_a_server_that_is_late(quiet_address: Callable[[], Address]) -> None:
    address, servers = quiet_address(), []
    late = threading.Timer(0.3, lambda: servers.append(serve([], address, metrics=Metrics("cloud"))))
    late.start()
    wait_ready(address, 20)
    late.join()
    servers[0].stop(0)


def test_wait_ready_gives_up_and_says_why(quiet_address: Callable[[], Address]) -> None:
    with pytest.raises(TimeoutError, match=r"127.0.0.1:\d+: not serving within 0.3 s \(.*\)"):
        wait_ready(quiet_address(), 0.3)


def test_a_wrong_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        connect("cloud")


def test_the_environments_proxy_is_not_used(
    cloud: Any, frame: PackedFrame, monkeypatch: pytest.MonkeyPatch, quiet_address: Callable[[], Address]
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{quiet_address()}")
    with connect(cloud.server.address) as channel:
        assert InferenceClient(channel).infer(frame, 20)


def test_retry_bridges_a_restart_of_the_server(cloud: Any, frame: PackedFrame) -> None:
    client = InferenceClient(cloud.channel)
    assert client.infer(frame, 20)
    cloud.server.stop(0)
    restarted = []
    registrations = [inference_registration(cloud.echo)]
    late = threading.Timer(
        0.5, lambda: restarted.append(serve(registrations, cloud.server.address, metrics=Metrics("cloud")))
    )
    late.start()
    answer = Retry(deadline=20.0).call(lambda timeout: client.infer(frame, timeout))
    late.join()
    restarted[0].stop(0)
    assert answer.frame_id == frame.header.frame_id


def test_retry_gives_up_at_its_deadline(quiet_address: Callable[[], Address]) -> None:
    with connect(quiet_address()) as channel:
        client, started = InferenceClient(channel), time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            Retry(0.5, QUICK).call(client.describe)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - started < 5


def test_retry_does_not_repeat_refusals(cloud: Any, frame: PackedFrame) -> None:
    frame.header.cut = "layer9"
    timeouts: list[float] = []

    def attempt(timeout: float) -> object:
        timeouts.append(timeout)
        return InferenceClient(cloud.channel).infer(frame, timeout)

    with pytest.raises(grpc.RpcError):
        Retry(20.0, QUICK).call(attempt)
    assert len(timeouts) == 1
    assert 19 < timeouts[0] <= 20


def test_retry_ends_early_when_the_process_stops(quiet_address: Callable[[], Address]) -> None:
    stop, started = Stop(), time.monotonic()
    stop.set()
    with connect(quiet_address()) as channel, pytest.raises(grpc.RpcError):
        Retry(30.0, QUICK).call(InferenceClient(channel).describe, stop)
    assert time.monotonic() - started < 10


def test_pauses_double_up_to_the_most() -> None:
    backoff = Backoff(first=0.1, most=1.0)
    for attempt, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.0, 1.0]):
        assert longest / 2 <= backoff.pause(attempt) <= longest
    assert backoff.pause(10_000) <= 1.0
