"""A monitor that writes down what it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc

from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.server import Registration, serve


class Notebook(referee_pb2_grpc.RefereeServicer):
    """Truths and outcomes by frame id, and the order in which they came."""

    def __init__(self) -> None:
        self.address = ""
        self.account = referee_pb2.Account()
        self.truths: dict[str, referee_pb2.Truth] = {}
        self.outcomes: dict[str, referee_pb2.Outcome] = {}
        self.order: list[tuple[str, str]] = []
        self.attended: list[referee_pb2.Presence] = []
        self.deaf = False
        self._lock = threading.Lock()

    def Witness(self, request, _context):  # noqa: N802
        with self._lock:
            self.truths[request.frame_id] = request
            self.order.append(("truth", request.frame_id))
        return referee_pb2.Ack()

    def Conclude(self, request, _context):  # noqa: N802
        with self._lock:
            self.outcomes[request.frame_id] = request
            self.order.append(("outcome", request.frame_id))
        return referee_pb2.Ack()

    def Attend(self, request, context):  # noqa: N802
        if self.deaf:
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        self.attended.append(request)
        return referee_pb2.Ack()

    def Settle(self, request, _context):  # noqa: N802
        self.account = request
        return referee_pb2.Ack()

    @property
    def answered(self) -> list[referee_pb2.Outcome]:
        with self._lock:
            return [outcome for outcome in self.outcomes.values() if not outcome.dropped]

    @property
    def dropped(self) -> list[str]:
        """Reasons."""
        with self._lock:
            return [outcome.dropped for outcome in self.outcomes.values() if outcome.dropped]


@contextmanager
def notebook(tls: Path | None = None) -> Iterator[Notebook]:
    """A notebook that is served on a free port."""
    book = Notebook()
    add = partial(referee_pb2_grpc.add_RefereeServicer_to_server, book)
    server = serve([Registration("keyhole.v1.Referee", add)], "127.0.0.1:0", metrics=Metrics("monitor"), tls=tls)
    book.address = str(server.address)
    try:
        yield book
    finally:
        server.stop(0)
