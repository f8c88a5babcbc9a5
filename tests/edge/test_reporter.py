"""Reports to a real port of a monitor: order, absence, loss; secrets go there alone, and into no frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
import torch

from edge.answers import AnswerReader
from edge.reporter import FrameCounts, MonitorClient, NoMonitor, Reporter
from keyhole.data import Sample
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, referee_pb2, referee_pb2_grpc
from keyhole.wire.channels import connect
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.errors import invalid
from keyhole.wire.frames import pack_frame
from keyhole.wire.secrets import unpack_secrets
from keyhole.wire.server import Registration, serve
from tests.judge.making import LABELS
from tests.waiting import wait_until


class Ear:
    """Takes messages as a client of the monitor does, at once."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def tell(self, make: Callable[[], Any]) -> None:
        self.heard.append(make())


def reported(sample: Sample) -> tuple[Any, list[Any]]:
    """The frame of a sample, and what the monitor is told."""
    ear = Ear()
    reporter = Reporter(
        FrameCounts(Metrics("edge")),
        cast("MonitorClient", ear),
        referee_pb2.Deployment(edge="edge-0"),
        AnswerReader(()),
    )
    header = inference_pb2.FrameHeader(frame_id="edge-0-1", edge="edge-0", target="tiny", cut="layer1")
    frame = pack_frame(header, (sample.picture[None],), codec_named("fp32"))
    reporter.frame_sent(frame, sample)
    reporter.frame_dropped("edge-0-1", "backlog")
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


class FakeReferee(referee_pb2_grpc.RefereeServicer):
    def __init__(self, behave=lambda _: None) -> None:
        self.behave = behave
        self.got: list[str] = []
        self.accounts: list[referee_pb2.Account] = []

    def Witness(self, request, _context):  # noqa: N802
        return self._take("truth", request)

    def Conclude(self, request, _context):  # noqa: N802
        return self._take("outcome", request)

    def Settle(self, request, _context):  # noqa: N802
        self.accounts.append(request)
        return referee_pb2.Ack()

    def _take(self, kind, request):
        self.behave(request)
        self.got.append(f"{kind} {request.frame_id}")
        return referee_pb2.Ack()


def start(referee: FakeReferee, port: int = 0):
    add = partial(referee_pb2_grpc.add_RefereeServicer_to_server, referee)
    return serve([Registration("keyhole.v1.Referee", add)], f"127.0.0.1:{port}", metrics=Metrics("monitor"))


def truth(number: int):
    return lambda: referee_pb2.Truth(frame_id=str(number))


def outcome(number: int):
    return lambda: referee_pb2.Outcome(frame_id=str(number))


@pytest.fixture
def lost():
    return []


def client_of(port: int, lost: list[int], capacity: int = 128) -> MonitorClient:
    def account() -> referee_pb2.Account:
        return referee_pb2.Account(edge="edge-0", undelivered=len(lost))

    return MonitorClient(connect(f"127.0.0.1:{port}"), lost=lambda: lost.append(1), account=account, capacity=capacity)


def test_messages_arrive_in_order_and_leaving_waits_for_them(lost):
    referee = FakeReferee()
    server = start(referee)
    with client_of(server.port, lost) as client:
        for number in range(10):
            client.tell(truth(number))
            client.tell(outcome(number))
    server.stop(0)
    assert referee.got == [f"{kind} {number}" for number in range(10) for kind in ("truth", "outcome")]
    assert lost == []


def test_telling_never_waits_and_what_overflows_is_counted_oldest_first(lost, quiet_address):
    port = quiet_address().port
    with client_of(port, lost, capacity=4) as client:
        begun = threading.Event()

        def first():
            begun.set()
            return truth(0)()

        client.tell(first)
        assert begun.wait(60)
        for number in range(1, 11):
            client.tell(truth(number))
        assert len(lost) == 6
        referee = FakeReferee()
        server = start(referee, port)
        wait_until(lambda: len(referee.got) == 5)
    server.stop(0)
    assert referee.got == [f"truth {number}" for number in (0, 7, 8, 9, 10)]


def test_a_monitor_that_stays_away_costs_little_at_the_end_and_everything_is_counted(lost, caplog, quiet_address):
    with client_of(quiet_address().port, lost) as client:
        for number in range(5):
            client.tell(truth(number))
        started = time.perf_counter()
    assert time.perf_counter() - started < 60
    assert len(lost) == 5
    assert caplog.text.count("monitor is away") == 1


def test_a_monitor_that_hangs_does_not_hold_up_the_end(lost):
    gate = threading.Event()
    server = start(FakeReferee(behave=lambda _: gate.wait(200)))
    with client_of(server.port, lost) as client:
        client.tell(truth(0))
        client.tell(truth(1))
    gate.set()
    server.stop(0)
    assert len(lost) == 2


def test_a_refused_message_is_counted_and_the_next_goes_on(lost, caplog):
    def refuse(message):
        if message.frame_id == "1":
            raise invalid("picture.png", "expected a PNG")

    referee = FakeReferee(behave=refuse)
    server = start(referee)
    with client_of(server.port, lost) as client:
        for number in range(3):
            client.tell(truth(number))
    server.stop(0)
    assert referee.got == ["truth 0", "truth 2"]
    assert len(lost) == 1
    assert ["expected a PNG" in record.reason for record in caplog.records] == [True]
    assert [account.undelivered for account in referee.accounts] == [1], "what was lost is told at the end"


def test_a_message_that_cannot_be_made_is_counted_and_the_next_goes_on(lost, caplog):
    referee = FakeReferee()
    server = start(referee)
    with client_of(server.port, lost) as client:
        client.tell(lambda: 1 // 0)
        client.tell(truth(1))
    server.stop(0)
    assert referee.got == ["truth 1"]
    assert len(lost) == 1
    assert "could not be made" in caplog.text


def test_without_a_monitor_nothing_is_built():
    with NoMonitor() as nobody:
        nobody.tell(lambda: pytest.fail("built a message for nobody"))


def test_an_account_that_is_refused_is_told_of(lost, caplog):
    class Strict(FakeReferee):
        def Settle(self, request, _context):  # noqa: N802
            raise invalid("edge", f"expected a name, got {request.edge!r}")

    server = start(Strict())
    with client_of(server.port, lost) as client:
        client.tell(truth(0))
    server.stop(0)
    assert lost == []
    assert "the monitor refused the account" in caplog.text
