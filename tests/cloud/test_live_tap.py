"""The tap of a live cloud: who may subscribe, what they see, and that the victim does not notice."""

from __future__ import annotations

import socket
import threading
import time

import grpc
import pytest
import torch

from keyhole.service.address import Address
from keyhole.v1 import tap_pb2, tap_pb2_grpc
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import violations
from keyhole.wire.tensors import unpack
from tests.cloud.conftest import TOKEN
from tests.system.frames import pictures
from tests.system.running import metrics_page, running_cloud

METADATA = (("keyhole-tap-token", TOKEN),)


def subscribe(channel, metadata=METADATA, queue: int = 0):
    return tap_pb2_grpc.TapStub(channel).Subscribe(tap_pb2.SubscribeRequest(queue=queue), metadata=metadata, timeout=60)


def tapped(channel, client, frame):
    """Subscribe and wait until the first copy arrives, so that the subscription is known to stand."""
    stream, done = subscribe(channel), threading.Event()

    def keep_sending():
        while not done.wait(0.02):
            client.infer(frame, 30)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    first = next(stream)
    done.set()
    sender.join()
    return stream, first


@pytest.fixture
def client(channel):
    return InferenceClient(channel)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "no token"),
        ((("keyhole-tap-token", "guess"),), "wrong token"),
        ((("keyhole-tap-token", TOKEN.upper()),), "wrong token"),
        ((("authorization", TOKEN),), "no token"),
    ],
)
def test_without_the_token_it_is_closed(channel, metadata, reason):
    with pytest.raises(grpc.RpcError) as refusal:
        next(subscribe(channel, metadata))
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason in refusal.value.details()
    assert violations(refusal.value)[0][0] == "keyhole-tap-token"
    assert TOKEN not in refusal.value.details()


def test_it_is_off_unless_it_was_turned_on():
    with running_cloud() as settings, connect(settings.listen) as channel:
        with pytest.raises(grpc.RpcError) as refusal:
            next(subscribe(channel))
        assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "the tap is off" in refusal.value.details()


def test_a_subscriber_sees_the_frame_as_it_came_and_nothing_else(live, client, edge):
    frame = edge.frame(pictures(1)[0], "edge-0-7")
    with connect(live.listen) as channel:
        stream, first = tapped(channel, client, frame)
        stream.cancel()
    assert first.frame.header == frame.header
    assert [tensor.payload for tensor in first.frame.tensors] == [bytes(tensor.payload) for tensor in frame.tensors]
    assert {field.name for field, _ in first.ListFields()} <= {"frame", "dropped"}
    features = [unpack(tensor, field="tensor") for tensor in first.frame.tensors]
    for got, sent in zip(features, edge.device(pictures(1)), strict=True):
        assert torch.equal(got, sent)


def test_refused_frames_are_not_copied(live, client, edge):
    good, bad = edge.frame(pictures(1)[0], "good"), edge.frame(pictures(1)[0], "bad")
    bad.header.cut = "nowhere"
    with connect(live.listen) as channel:
        stream, _ = tapped(channel, client, edge.frame(pictures(1)[0], "first"))
        with pytest.raises(grpc.RpcError):
            client.infer(bad, 30)
        client.infer(good, 30)
        seen = [next(item.frame.header.frame_id for item in stream if item.frame.header.frame_id != "first")]
        stream.cancel()
    assert seen == ["good"]


def test_a_subscriber_that_does_not_read_loses_the_oldest_and_the_victim_goes_on(live, client, edge):
    frame = edge.frame(pictures(1)[0])
    with connect(live.listen) as channel:
        stuck, _ = tapped(channel, client, frame)
        before = lost(live)
        slowest = 0.0
        while lost(live) <= before:
            started = time.perf_counter()
            for _ in range(50):
                client.infer(frame, 30)
            slowest = max(slowest, (time.perf_counter() - started) / 50)
        assert slowest < 0.2
        assert next(item.dropped for item in stuck if item.dropped) > 0
        stuck.cancel()


def test_a_subscriber_that_leaves_is_forgotten(live, client, edge):
    frame = edge.frame(pictures(1)[0])
    with connect(live.listen) as channel:
        tapped(channel, client, frame)

    def forgotten() -> bool:
        before = lost(live)
        for _ in range(live.tap_queue * 3):
            client.infer(frame, 30)
        return lost(live) == before

    assert any(forgotten() for _ in range(50))
    assert 'keyhole_queue_depth{queue="tap"} 0.0' in metrics_page(live)


def lost(live) -> float:
    lines = metrics_page(live).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("keyhole_tap_dropped_total "))


class Cable:
    """A TCP connection to a server that can be cut: nothing passes any more, and neither end is told."""

    def __init__(self, address: Address) -> None:
        self.cut = threading.Event()
        self._to = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection((self._to.host, self._to.port))
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(1 << 16):
            if not self.cut.is_set():
                sink.sendall(data)


@pytest.mark.slow
def test_a_subscriber_whose_network_is_gone_gives_its_place_back(edge):
    frame, ended = (
        edge.frame(pictures(1)[0]),
        'keyhole_rpc_total{code="CANCELLED",method="/keyhole.v1.Tap/Subscribe"} 1.0',
    )
    with running_cloud(tap_token=TOKEN) as settings, connect(settings.listen) as victim:
        cable = Cable(Address.parse(settings.listen))
        with connect(cable.address) as channel:
            stream = tap_pb2_grpc.TapStub(channel).Subscribe(tap_pb2.SubscribeRequest(), metadata=METADATA)
            first = threading.Thread(target=next, args=(stream,), daemon=True)
            first.start()
            while first.is_alive():
                InferenceClient(victim).infer(frame, 30)
            cable.cut.set()
            end = time.monotonic() + 180
            while ended not in metrics_page(settings):
                assert time.monotonic() < end
                time.sleep(1)
