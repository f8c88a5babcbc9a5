"""The proxy between edge and cloud, over real sockets."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import ExitStack, contextmanager

import grpc
import pytest
import torch

from adversary import grpc_proxy
from adversary.grpc_proxy import GrpcProxy
from adversary.wire_tap import WireTap
from keyhole.service.address import Address
from keyhole.service.lifecycle import Stop
from keyhole.wire.channels import Retry, connect, wait_ready
from keyhole.wire.chunks import to_chunks
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import violations
from keyhole.wire.frames import PackedAnswer
from keyhole.wire.methods import INFERENCE, METHODS
from keyhole.wire.tensors import unpack
from keyhole.wire.tls import make_certificates
from tests.adversary.servers import Cloud, frame
from tests.waiting import PATIENCE, wait_until


class Listener:
    """A wire tap at work."""

    def __init__(self, cloud_port: int) -> None:
        self.stop, self.frames = Stop(), queue.Queue()
        self.malformed, self.ciphertext, self.lost = [], [], []
        cloud = Address("127.0.0.1", cloud_port)
        self.tap = WireTap(
            Address("127.0.0.1", 0),
            cloud,
            connect(cloud),
            lost=self.lost.append,
            malformed=lambda: self.malformed.append(1),
            ciphertext=self.ciphertext.append,
        )

    def listen(self) -> None:
        for one in self.tap.frames(self.stop):
            self.frames.put(one)


@contextmanager
def tapping(cloud_port: int):
    listener = Listener(cloud_port)
    with listener.tap:
        thread = threading.Thread(target=listener.listen, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.stop.set()
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def server(cloud):
    server = cloud.serve()
    yield server
    server.stop(0)


@pytest.fixture
def listener(server):
    with tapping(server.port) as listener:
        yield listener


@pytest.fixture
def channel(listener):
    with connect(listener.tap.address) as channel:
        yield channel


def test_frames_are_copied_and_answers_intact(listener, channel, cloud):
    sent = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    answer = InferenceClient(channel).infer(frame("edge-0", sent, edge="edge"), timeout=PATIENCE)
    assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), sent)
    assert cloud.got == ["edge-0"]
    copy = listener.frames.get(timeout=PATIENCE)
    assert (copy.header.frame_id, copy.header.edge) == ("edge-0", "edge")
    assert torch.equal(unpack(copy.tensors[0], field="copy"), sent)
    assert not listener.ciphertext


def test_chunked_frames_are_copied(listener, channel):
    sent = torch.arange(600_000.0)[None]
    stream = channel.stream_stream(f"/{INFERENCE}/InferStream", None, None)
    messages = [*to_chunks(frame("one", sent)), *to_chunks(frame("two", sent[:, :7]))]
    assert len(messages) > 4
    answers = [PackedAnswer.from_wire(message) for message in stream(iter(messages), timeout=PATIENCE)]
    assert [answer.frame_id for answer in answers] == ["one", "two"]
    copies = [listener.frames.get(timeout=PATIENCE) for _ in range(2)]
    assert [copy.header.frame_id for copy in copies] == ["one", "two"]
    assert torch.equal(unpack(copies[0].tensors[0], field="copy"), sent)


def test_other_calls_metadata_and_errors_pass_as_they_are(listener, channel, cloud):
    client = InferenceClient(channel)
    assert list(client.describe(timeout=PATIENCE).labels) == ["a", "b"]
    wait_ready(listener.tap.address, 10)
    infer = channel.unary_unary(f"/{INFERENCE}/Infer", None, None)
    infer(frame("ok", torch.ones(1)).to_wire(), metadata=(("x-edge", "seven"),), timeout=PATIENCE)
    assert cloud.metadata[0]["x-edge"] == "seven"
    with pytest.raises(grpc.RpcError) as refused:
        infer(frame("bad", torch.ones(1)).to_wire(), timeout=PATIENCE)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(refused.value) == [("header.cut", "expected another")]
    with pytest.raises(grpc.RpcError) as unknown:
        channel.unary_unary("/keyhole.v1.Nothing/Call", None, None)(b"", timeout=PATIENCE)
    assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_malformed_frames_are_counted_and_the_cloud_says_what_is_wrong(listener, channel):
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(f"/{INFERENCE}/Infer", None, None)(b"\xff\xff\xff", timeout=PATIENCE)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    wait_until(lambda: listener.malformed)
    InferenceClient(channel).infer(frame("next", torch.ones(1)), timeout=PATIENCE)
    assert listener.frames.get(timeout=PATIENCE).header.frame_id == "next"


def test_it_closes_though_a_copy_is_never_done_with(server, monkeypatch):
    monkeypatch.setattr(grpc_proxy, "READ_SECONDS", 0.1)
    begun, never = threading.Event(), threading.Event()

    def seen(_frame):
        begun.set()
        never.wait()

    closed = threading.Event()

    def relay():
        with GrpcProxy(connect(Address("127.0.0.1", server.port)), seen) as proxy:
            with connect(Address("127.0.0.1", proxy.port)) as channel:
                InferenceClient(channel).infer(frame("edge-0", torch.ones(1)), timeout=PATIENCE)
            begun.wait(30)
        closed.set()

    threading.Thread(target=relay, daemon=True).start()
    try:
        assert closed.wait(60)
        assert begun.is_set()
    finally:
        never.set()


def test_it_outlives_a_cloud_that_is_away(quiet_address):
    cloud, port = Cloud(), quiet_address().port
    with tapping(port) as listener, connect(listener.tap.address) as channel:
        client = InferenceClient(channel)
        with pytest.raises(grpc.RpcError) as away:
            client.infer(frame("early", torch.ones(1)), timeout=5)
        assert away.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        server = cloud.serve(port)
        wait_ready(listener.tap.address, PATIENCE)
        assert client.infer(frame("late", torch.ones(1)), timeout=PATIENCE).frame_id == "late"
        server.stop(0)


def test_idle_calls_through_it_do_not_stop_the_victim(listener):
    """More than the cloud has places for: it lets the idle ones go, and the tap has threads for all of them."""
    method = f"/{INFERENCE}/Infer"
    with ExitStack() as stack:
        idle = []
        for _ in range(METHODS[method].calls + 8):
            channel = stack.enter_context(connect(listener.tap.address))
            idle.append(channel.stream_stream(method)(iter(queue.SimpleQueue().get, None), timeout=60))
        client = InferenceClient(stack.enter_context(connect(listener.tap.address)))
        answer = Retry(25).call(lambda left: client.infer(frame("next", torch.ones(1)), left))
        assert answer.frame_id == "next"
        assert listener.frames.get(timeout=PATIENCE).header.frame_id == "next"
        for call in idle:
            call.cancel()


def test_what_is_not_taken_in_time_is_dropped_oldest_first(server):
    listener = Listener(server.port)
    with listener.tap, connect(listener.tap.address) as channel:
        client = InferenceClient(channel)
        for number in range(70):
            client.infer(frame(str(number), torch.ones(1)), timeout=PATIENCE)
        wait_until(lambda: len(listener.lost) == 6)
        first = next(iter(listener.tap.frames(listener.stop)))
    assert first.header.frame_id == "6"


def test_with_tls_it_relays_ciphertext_sees_nothing_and_says_so(tmp_path, cloud, caplog):
    make_certificates(tmp_path / "certs")
    server = cloud.serve(tls=tmp_path / "certs")
    with (
        caplog.at_level(logging.WARNING),
        tapping(server.port) as listener,
        connect(listener.tap.address, tls=tmp_path / "certs", role="edge") as channel,
    ):
        sent = torch.ones(1, 50_000)
        answer = InferenceClient(channel).infer(frame("secret", sent), timeout=PATIENCE)
        assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), sent)
        assert sum(listener.ciphertext) > 2 * sent.nbytes
        assert listener.frames.empty()
    server.stop(0)
    assert [record.message for record in caplog.records if "ciphertext" in record.message]


def test_a_taken_port_is_refused_at_once(server):
    cloud = Address("127.0.0.1", server.port)
    with pytest.raises(OSError, match="cannot listen on"), WireTap(cloud, cloud, connect(cloud)):
        pass
