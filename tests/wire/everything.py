"""A server of every method that Keyhole has, with handlers that do what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor

from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, oracle_pb2, referee_pb2, tap_pb2
from keyhole.wire.server import Registration, RunningServer, serve

PROTOS = (inference_pb2, oracle_pb2, referee_pb2, tap_pb2)
METHODS: Mapping[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for proto in PROTOS
    for service in proto.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Keyhole's own methods, by full name."""


def answer(_request: Any) -> bytes:
    """An empty message."""
    return b""


def everything(behave: Callable[[Any], bytes] = answer) -> list[Registration]:
    """All services. Requests are decoded as their type; ``behave`` gives the answer to each."""
    services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
    for name, method in METHODS.items():
        _, service, short = name.split("/")
        services.setdefault(service, {})[short] = _handler(method, behave)
    return [Registration.of(service, handlers) for service, handlers in services.items()]


@contextmanager
def serving(behave: Callable[[Any], bytes] = answer, **options: Any) -> Iterator[tuple[RunningServer, Metrics]]:
    """A server of all services, and its counts."""
    metrics = Metrics("cloud")
    server = serve(everything(behave), "127.0.0.1:0", metrics=metrics, **options)
    try:
        yield server, metrics
    finally:
        server.stop(0)


def call(channel: grpc.Channel, name: str, messages: Iterator[bytes]) -> Any:
    """Any method as a stream of bytes both ways, which on the wire all of them are."""
    return channel.stream_stream(name, None, None)(messages, timeout=60)


def counted(metrics: Metrics, name: str, code: grpc.StatusCode) -> float:
    """Calls of a method that ended with a code."""
    labels = {"method": name, "code": code.name}
    return metrics.registry.get_sample_value("keyhole_rpc_total", labels) or 0.0


def _handler(method: MethodDescriptor, behave: Callable[[Any], bytes]) -> grpc.RpcMethodHandler[Any, Any]:
    decode = method.input_type._concrete_class.FromString
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(lambda requests, _: map(behave, requests), decode)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(lambda request, _: iter([behave(request)]), decode)
    return grpc.unary_unary_rpc_method_handler(lambda request, _: behave(request), decode)
