"""Processes as a user starts them: a cloud that dies and returns, and ends that are clean and quick."""

from __future__ import annotations

import threading

import grpc
import pytest

from keyhole.service.lifecycle import DRAIN_SECONDS
from keyhole.v1 import tap_pb2, tap_pb2_grpc
from keyhole.wire.channels import connect, wait_ready
from keyhole.wire.client import InferenceClient
from tests.system.frames import Edge, pictures
from tests.system.processes import process
from tests.system.referee import notebook
from tests.system.running import CUT, TINY
from tests.waiting import PATIENCE, wait_until

MODEL = {"target": TINY, "cut": CUT}
METADATA = (("keyhole-tap-token", "s3cret"),)


@pytest.fixture
def token(tmp_path):
    """A file of the tap's secret."""
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    return file


@pytest.mark.timeout(600)
def test_a_cloud_that_dies_and_returns_and_then_everything_stops(quiet_address, token):
    """Nothing is lost but what is counted, and every process drains in time, with exit code 0."""
    cloud_address, oracle_address = (str(quiet_address()) for _ in range(2))
    serving = {"listen": cloud_address, "tap_token": token, **MODEL}
    sending = {"cloud": cloud_address, "source": "leaves", "fps": 20, "in_flight": 4, "deadline": PATIENCE, **MODEL}
    with (
        notebook() as book,
        process("cloud", **serving) as first,
        process("oracle", listen=oracle_address, **MODEL) as oracle,
        process("edge", monitor=book.address, **sending) as edge,
    ):
        wait_until(lambda: len(book.answered) >= 5)
        first.kill()
        wait_until(lambda: book.dropped.count("backlog") >= 5)
        answered_by_the_first = len(book.answered)
        with process("cloud", **serving) as second:
            wait_until(lambda: len(book.answered) > answered_by_the_first + 10)
            assert set(book.dropped) == {"backlog"}

            with connect(cloud_address) as spy, connect(cloud_address) as victim:
                stuck = tap_pb2_grpc.TapStub(spy).Subscribe(tap_pb2.SubscribeRequest(), metadata=METADATA)
                next(stuck)
                status_codes = load(InferenceClient(victim))
                assert second.terminate() == 0
                assert status_codes() <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
            assert second.drained() < DRAIN_SECONDS

        wait_ready(oracle_address, PATIENCE)
        assert oracle.terminate() == 0
        assert oracle.drained() < DRAIN_SECONDS
        assert edge.terminate() == 0
        assert edge.drained() < DRAIN_SECONDS
        summary = edge.logged("finished")

    assert summary["undelivered"] == 0
    assert summary["taken"] == len(book.outcomes)
    assert summary["sent"] == len(book.truths)
    assert summary["answered"] == len(book.answered)
    assert summary["dropped_backlog"] == book.dropped.count("backlog")
    assert summary["dropped_deadline"] == book.dropped.count("deadline") <= 4
    assert summary["taken"] == summary["answered"] + len(book.dropped)


def load(client: InferenceClient):
    """Keep calling until the cloud is gone; returns a function that waits for it and gives the status codes seen."""
    codes: set[grpc.StatusCode] = set()
    frame = Edge().frame(pictures(1)[0])

    def send() -> None:
        while not codes:
            try:
                client.infer(frame, 10)
            except grpc.RpcError as error:
                codes.add(error.code())

    thread = threading.Thread(target=send)
    thread.start()

    def finish() -> set[grpc.StatusCode]:
        thread.join(PATIENCE)
        return codes

    return finish
