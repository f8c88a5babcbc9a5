from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from keyhole.service.errors import UsageError
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, oracle_pb2, oracle_pb2_grpc, tap_pb2, tap_pb2_grpc, tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.errors import WireError, explain, invalid
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.server import TOKEN_KEY, Registration, RunningServer, serve, tap_registration, time_left
from keyhole.wire.tensors import unpack
from tests.waiting import PATIENCE


class Oracle(oracle_pb2_grpc.OracleServicer):
    """Refuses every query."""

    def Query(self, request: oracle_pb2.QueryRequest, _context: object) -> oracle_pb2.QueryResponse:  # noqa: N802
        if not request.pictures:
            raise invalid("pictures", "expected at least one")
        raise WireError(grpc.StatusCode.RESOURCE_EXHAUSTED, "pictures", "the budget is spent")


ORACLE = Registration("keyhole.v1.Oracle", partial(oracle_pb2_grpc.add_OracleServicer_to_server, Oracle()))


def start(metrics: Metrics, *services: Registration) -> RunningServer:
    return serve(services, "127.0.0.1:0", metrics=metrics)


def test_any_servicer_may_raise_wire_errors() -> None:
    server = start(Metrics("oracle"), ORACLE)
    with connect(server.address) as channel:
        stub = oracle_pb2_grpc.OracleStub(channel)
        with pytest.raises(grpc.RpcError) as none:
            stub.Query(oracle_pb2.QueryRequest(), timeout=PATIENCE)
        with pytest.raises(grpc.RpcError) as spent:
            stub.Query(oracle_pb2.QueryRequest(pictures=[tensor_pb2.Picture()]), timeout=PATIENCE)
    server.stop(0)
    assert explain(none.value) == "INVALID_ARGUMENT: pictures: expected at least one"
    assert explain(spent.value) == "RESOURCE_EXHAUSTED: pictures: the budget is spent"


def test_a_stream_that_its_reader_left_is_counted_as_cancelled() -> None:
    left = threading.Event()

    def watch(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(left.set)
        yield b"event"
        left.wait()

    metrics = Metrics("monitor")
    handlers = {"Watch": grpc.unary_stream_rpc_method_handler(watch, None, None)}
    server = start(metrics, Registration.of("keyhole.v1.Referee", handlers))
    with connect(server.address) as channel:
        events: Any = channel.unary_stream("/keyhole.v1.Referee/Watch", None, None)(b"", timeout=PATIENCE)
        assert next(events) == b"event"
        events.cancel()
        assert left.wait(PATIENCE)
    server.stop(5)
    labels = {"method": "/keyhole.v1.Referee/Watch", "code": "CANCELLED"}
    end = time.monotonic() + PATIENCE
    while not (counted := metrics.registry.get_sample_value("keyhole_rpc_total", labels)) and time.monotonic() < end:
        time.sleep(0.01)
    assert counted == 1


def test_unknown_methods_are_not_counted() -> None:
    metrics = Metrics("oracle")
    server = start(metrics, ORACLE)
    with connect(server.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/keyhole.v1.Oracle/Nothing", None, None)(b"", timeout=PATIENCE)
    server.stop(0)
    assert explain(caught.value).startswith("UNIMPLEMENTED")
    assert not [sample for metric in metrics.rpc_total.collect() for sample in metric.samples]


def test_health_of_the_server_and_of_each_service() -> None:
    server = start(Metrics("oracle"), ORACLE)
    with connect(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "keyhole.v1.Oracle"):
            status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status
            assert status == health_pb2.HealthCheckResponse.SERVING
    server.stop(0)


def test_reflection_lists_the_services() -> None:
    server = start(Metrics("monitor"), ORACLE)
    with connect(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (response,) = stub.ServerReflectionInfo(iter([request]), timeout=PATIENCE)
    server.stop(0)
    names = {service.name for service in response.list_services_response.service}
    assert {"keyhole.v1.Oracle", "grpc.health.v1.Health"} <= names


def test_a_taken_port_is_an_error_that_says_so() -> None:
    server = start(Metrics("oracle"), ORACLE)
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        serve([], server.address, metrics=Metrics("oracle"))
    server.stop(0)


def test_a_wrong_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        serve([], "50051", metrics=Metrics("oracle"))


def test_the_time_that_a_caller_still_waits() -> None:
    left: list[float | None] = []

    def ask(_request: bytes, context: grpc.ServicerContext) -> bytes:
        left.append(time_left(context))
        return b""

    handlers = {"Query": grpc.unary_unary_rpc_method_handler(ask, None, None)}
    server = start(Metrics("oracle"), Registration.of("keyhole.v1.Oracle", handlers))
    with connect(server.address) as channel:
        call = channel.unary_unary("/keyhole.v1.Oracle/Query", None, None)
        call(b"", timeout=PATIENCE)
        call(b"")
    server.stop(0)
    bounded, unbounded = left
    assert unbounded is None
    assert bounded is not None
    assert 0 < bounded <= PATIENCE + 1


def test_a_standard_client_reads_the_tap(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> None:
    frame = pack_frame(header, tensors, tensor_pb2.CODEC_FP32)

    def subscribe(
        request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext
    ) -> Iterator[tuple[PackedFrame, int]]:
        if (TOKEN_KEY, "secret") not in context.invocation_metadata():
            raise WireError(grpc.StatusCode.PERMISSION_DENIED, TOKEN_KEY, "expected the tap's token")
        yield from ((frame, lost) for lost in range(request.queue))

    server = serve([tap_registration(subscribe)], "127.0.0.1:0", metrics=Metrics("cloud"))
    with connect(server.address) as channel:
        stub, request = tap_pb2_grpc.TapStub(channel), tap_pb2.SubscribeRequest(queue=3)
        tapped = list(stub.Subscribe(request, metadata=((TOKEN_KEY, "secret"),), timeout=PATIENCE))
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.Subscribe(request, timeout=PATIENCE))
    server.stop(0)
    assert [each.dropped for each in tapped] == [0, 1, 2]
    assert tapped[0].frame.header == header
    assert torch.equal(unpack(tapped[0].frame.tensors[0], field="t"), tensors[0])
    assert explain(caught.value) == f"PERMISSION_DENIED: {TOKEN_KEY}: expected the tap's token"
