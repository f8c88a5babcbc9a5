"""What an edge says of its frames, while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Ack, Outcome
from keyhole.wire.methods import REFEREE
from keyhole.wire.server import Registration, serve


class Stopwatch:
    """Stands where an edge expects the monitor, and keeps nothing but what became of its frames."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []

    @property
    def outcomes(self) -> list[Outcome]:
        """What was told so far, in order."""
        with self._lock:
            return list(self._outcomes)

    def registration(self) -> Registration:
        """The two calls that an edge makes; truths are not even read."""
        handlers = {
            "Witness": grpc.unary_unary_rpc_method_handler(self._witness, None, Ack.SerializeToString),
            "Conclude": grpc.unary_unary_rpc_method_handler(self._conclude, Outcome.FromString, Ack.SerializeToString),
        }
        return Registration.of(REFEREE, handlers)

    def _witness(self, _truth: bytes, _context: grpc.ServicerContext) -> Ack:
        return Ack()

    def _conclude(self, outcome: Outcome, _context: grpc.ServicerContext) -> Ack:
        with self._lock:
            self._outcomes.append(outcome)
        return Ack()


@contextmanager
def stopwatch() -> Iterator[tuple[Stopwatch, str]]:
    """A running stopwatch and its address."""
    watch = Stopwatch()
    server = serve([watch.registration()], "127.0.0.1:0", metrics=Metrics("bench"))
    try:
        yield watch, str(server.address)
    finally:
        server.stop(0.1)
