"""Channels to servers: made, waited for, and calls repeated while a server is away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from keyhole.service.address import Address
from keyhole.service.lifecycle import Stop
from keyhole.wire import tls as certificates
from keyhole.wire.errors import explain
from keyhole.wire.limits import MAX_MESSAGE

T = TypeVar("T")
_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)


def connect(address: str | Address, *, tls: Path | None = None, role: str | None = None) -> grpc.Channel:
    """A channel; it connects at the first call and again whenever the connection is lost.

    Proxies of the environment (``http_proxy``) are not used.

    Args:
        address: ``host:port``.
        tls: directory of certificates: mutual TLS. Without it plain text.
        role: whose certificate to show; needed where ``tls`` is the directory of all roles.

    Raises:
        UsageError: the address or the certificates' directory is wrong.
    """
    place = Address.parse(address) if isinstance(address, str) else address
    if tls is None:
        return grpc.insecure_channel(str(place), options=_OPTIONS)
    return grpc.secure_channel(str(place), certificates.channel_credentials(tls, role), options=_OPTIONS)


def wait_ready(
    address: str | Address, timeout: float, *, tls: Path | None = None, role: str | None = None, service: str = ""
) -> None:
    """Wait until a server's health service says SERVING.

    Args:
        address: ``host:port``.
        timeout: seconds.
        tls: as in ``connect``.
        role: as in ``connect``.
        service: full name of a service, or the server as a whole.

    Raises:
        TimeoutError: it did not within the time.
    """
    serving = health_pb2.HealthCheckResponse.SERVING
    deadline, last = time.monotonic() + timeout, "no answer"
    with connect(address, tls=tls, role=role) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=min(remaining, 1.0)).status
                if status == serving:
                    return
                last = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
            except grpc.RpcError as error:
                last = explain(error)
            time.sleep(min(0.05, max(remaining, 0)))
    raise TimeoutError(f"{address}: not serving within {timeout:g} s ({last}); is it running, and TLS on at both ends?")


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts: doubling from ``first`` up to ``most`` seconds, each cut by up to a half at random."""

    first: float = 0.05
    most: float = 1.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the given attempt, counted from 0."""
        return min(self.most, self.first * 2.0 ** min(attempt, 32)) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Retry:
    """Repeats a call while the server is away (UNAVAILABLE), within one deadline. For calls that may be made twice.

    Attributes:
        deadline: seconds for all attempts together.
        backoff: pauses between them.
    """

    deadline: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)

    def call(self, attempt: Callable[[float], T], stop: Stop | None = None) -> T:
        """Make a call until it succeeds.

        Args:
            attempt: makes the call with the timeout that it is given, in seconds.
            stop: ends the waiting early.

        Raises:
            grpc.RpcError: of the last attempt: any status but UNAVAILABLE at once, UNAVAILABLE when the time is over.
        """
        end, count = time.monotonic() + self.deadline, 0
        while True:
            try:
                return attempt(max(end - time.monotonic(), 0.0))
            except grpc.RpcError as error:
                pause = self.backoff.pause(count)
                away = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAVAILABLE
                if not away or time.monotonic() + pause >= end or (stop is not None and stop.is_set()):
                    raise
            (stop or Stop()).wait(pause)
            count += 1
