"""Server side of the wire: gRPC servers, and the Inference and Tap services without needless copies.

Limits, health, reflection, metrics and TLS are the same for every server. The messages on the wire are those of the
proto: a standard stub works against them.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from keyhole.service.address import Address
from keyhole.service.errors import AddressError
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tap_pb2
from keyhole.wire import tls as certificates
from keyhole.wire.chunks import from_chunks
from keyhole.wire.frames import PackedAnswer, PackedFrame
from keyhole.wire.interceptors import CallInterceptor
from keyhole.wire.limits import MAX_MESSAGE, MESSAGE_SECONDS
from keyhole.wire.methods import INFERENCE, METHODS, TAP, RpcMethod

_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
_REFUSALS = 8  # threads for the calls that have no place, to tell them so


@dataclass(frozen=True)
class Registration:
    """A service to serve.

    Attributes:
        service: its full name, ``keyhole.v1.Referee``.
        add: puts it into a server: ``partial(add_RefereeServicer_to_server, servicer)``.
    """

    service: str
    add: Callable[[grpc.Server], None]

    @classmethod
    def of(cls, service: str, handlers: dict[str, grpc.RpcMethodHandler[Any, Any]]) -> Registration:
        """A service given by the handler of each of its methods."""

        def add(server: Any) -> None:
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
            server.add_registered_method_handlers(service, handlers)

        return cls(service, add)


class RunningServer:
    """A server that accepts calls. Keep it: it stops when nothing refers to it any more."""

    def __init__(
        self, server: grpc.Server, health_service: health.HealthServicer, address: Address, ended: threading.Event
    ) -> None:
        self._server = server
        self._health = health_service
        self.address = address
        self._end = weakref.finalize(self, ended.set)

    @property
    def port(self) -> int:
        """The port listened on, also where port 0 was asked for."""
        return self.address.port

    def stop(self, grace: float = 2.0) -> None:
        """Report NOT_SERVING, refuse new calls, give running ones ``grace`` seconds, and return when all have ended."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()
        self._end()


def time_left(context: grpc.ServicerContext) -> float | None:
    """Seconds that the caller still waits; None if for ever, which gRPC gives as 9e18."""
    seconds = context.time_remaining()
    return seconds if seconds is not None and seconds < threading.TIMEOUT_MAX else None


def serve(
    services: Sequence[Registration],
    address: str | Address,
    *,
    metrics: Metrics,
    tls: Path | None = None,
    role: str | None = None,
    methods: Mapping[str, RpcMethod] = METHODS,
    patience: float = MESSAGE_SECONDS,
) -> RunningServer:
    """Start a server.

    Args:
        services: what it serves, besides health and reflection.
        address: ``host:port``; port 0 takes a free one.
        metrics: where calls are counted.
        tls: directory of certificates: mutual TLS. Without it plain text.
        role: whose certificate to show; the metrics' process where not given.
        methods: whose certificate opens each method, and how many calls of it there may be at once; no other method
            is served.
        patience: seconds that a call may keep the server waiting, to send a message or to take one; then it is
            cancelled.

    Raises:
        OSError: the address cannot be listened on.
        UsageError: the address or the certificates' directory is wrong.
    """
    place = Address.parse(address) if isinstance(address, str) else address
    credentials = certificates.server_credentials(tls, role or metrics.process) if tls else None
    interceptor = CallInterceptor(metrics, methods, tls=credentials is not None, patience=patience)
    threads = sum(method.calls for method in methods.values()) + _REFUSALS
    server = grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix="rpc"), interceptors=[interceptor], options=_OPTIONS
    )
    for registration in services:
        registration.add(server)
    names = [registration.service for registration in services]
    health_service = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    try:
        add = server.add_insecure_port
        port = server.add_secure_port(str(place), credentials) if credentials else add(str(place))
    except RuntimeError as error:
        raise AddressError(f"cannot listen on {place}: {error}; is the port taken?") from error
    server.start()
    for name in ["", *names]:
        health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    ended = threading.Event()
    threading.Thread(target=interceptor.sweep, args=(ended,), name="sweep", daemon=True).start()
    return RunningServer(server, health_service, place.with_port(port), ended)


class InferenceService(ABC):
    """What a cloud implements. Raise ``WireError`` to refuse a call."""

    @abstractmethod
    def describe(self) -> inference_pb2.DescribeResponse:
        """What the cloud runs."""

    @abstractmethod
    def infer(self, frame: PackedFrame, context: grpc.ServicerContext, until: float) -> PackedAnswer:
        """Finish one frame, whichever way it came. Called from several threads at once.

        Args:
            frame: what came.
            context: of the call that it came with, which may hold several.
            until: how long the caller waits for it, on the clock of ``time.monotonic``.
        """


def inference_registration(service: InferenceService) -> Registration:
    """The service, for ``serve``: Describe, Infer and InferStream."""

    def describe(
        _request: inference_pb2.DescribeRequest, _context: grpc.ServicerContext
    ) -> inference_pb2.DescribeResponse:
        return service.describe()

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        return service.infer(PackedFrame.from_wire(request), context, _until(context)).to_wire()

    def infer_stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        until = _until(context)
        for frame in from_chunks(requests):
            yield service.infer(frame, context, until).to_wire()

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Describe": grpc.unary_unary_rpc_method_handler(
            describe,
            request_deserializer=inference_pb2.DescribeRequest.FromString,
            response_serializer=inference_pb2.DescribeResponse.SerializeToString,
        ),
        "Infer": grpc.unary_unary_rpc_method_handler(infer),
        "InferStream": grpc.stream_stream_rpc_method_handler(infer_stream),
    }
    return Registration.of(INFERENCE, handlers)


def _until(context: grpc.ServicerContext) -> float:
    """Asked once in a call: gRPC counts what is left of it on the wall clock, which may be set back meanwhile."""
    left = time_left(context)
    return math.inf if left is None else time.monotonic() + left


TOKEN_KEY = "keyhole-tap-token"
"""Key of the token in a call's metadata."""

Subscribe = Callable[[tap_pb2.SubscribeRequest, grpc.ServicerContext], Iterator[tuple[PackedFrame, int]]]


def tap_registration(subscribe: Subscribe) -> Registration:
    """The service, for ``serve``.

    Args:
        subscribe: yields each frame with the number of frames that the subscriber has lost so far.
    """

    def behaviour(request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext) -> Iterator[bytes]:
        for frame, dropped in subscribe(request, context):
            yield frame.to_tapped(dropped)

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.unary_stream_rpc_method_handler(
            behaviour, request_deserializer=tap_pb2.SubscribeRequest.FromString
        )
    }
    return Registration.of(TAP, handlers)
