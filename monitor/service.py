"""The referee on the wire: one service for the edge and the monitor's friends, one for the adversary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

import grpc

from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import Account, Ack, Event, Outcome, Presence, Reconstruction, Truth, WatchRequest
from keyhole.v1.referee_pb2_grpc import RefereeServicer, add_RefereeServicer_to_server
from keyhole.wire.errors import WireError
from keyhole.wire.methods import REFEREE
from keyhole.wire.server import Registration
from monitor.broadcast import Broadcast
from monitor.checks import check_presence
from monitor.referee import Referee

_POLL_SECONDS = 0.25


class TruthDesk(RefereeServicer):
    """Takes every call.

    Args:
        referee: judges.
        broadcast: what `Watch` streams.
        attend: told who is there and who is not.
        stop: ends the streams.
    """

    def __init__(
        self, referee: Referee, broadcast: Broadcast, attend: Callable[[Presence], object], stop: Stop
    ) -> None:
        self._referee = referee
        self._attend = attend
        self._broadcast = broadcast
        self._stop = stop

    def Witness(self, request: Truth, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take the truth of a frame."""
        self._referee.witness(request)
        return Ack()

    def Conclude(self, request: Outcome, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what became of a frame."""
        self._referee.conclude(request)
        return Ack()

    def Settle(self, request: Account, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what an edge counted."""
        self._referee.settle(request)
        return Ack()

    def Submit(self, request: Reconstruction, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Score a reconstruction."""
        self._referee.submit(request)
        return Ack()

    def Attend(self, request: Presence, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take whether a process is there."""
        check_presence(request)
        self._attend(request)
        return Ack()

    def Watch(self, request: WatchRequest, context: grpc.ServicerContext) -> Iterator[Event]:  # noqa: ARG002, N802
        """Stream truths, outcomes, reconstructions and scores from now on."""
        with self._broadcast.watch() as watcher:
            while context.is_active() and not self._stop.is_set():
                if (event := watcher.take(_POLL_SECONDS)) is not None:
                    yield event


class SubmitDesk(RefereeServicer):
    """Takes `Submit` alone and answers that it has been taken, nothing else.

    Args:
        referee: judges.
    """

    def __init__(self, referee: Referee) -> None:
        self._referee = referee

    def Submit(self, request: Reconstruction, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Score a reconstruction and keep the score."""
        self._referee.submit(request)
        return Ack()

    def Witness(self, request: Truth, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG002, N802
        """Refused."""
        _refuse("Witness")

    def Conclude(self, request: Outcome, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG002, N802
        """Refused."""
        _refuse("Conclude")

    def Attend(self, request: Presence, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG002, N802
        """Refused."""
        _refuse("Attend")

    def Settle(self, request: Account, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG002, N802
        """Refused."""
        _refuse("Settle")

    def Watch(self, request: WatchRequest, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG002, N802
        """Refused."""
        _refuse("Watch")


def registration(desk: RefereeServicer) -> Registration:
    """A desk as `keyhole.wire.server.serve` takes it."""
    return Registration(REFEREE, partial(add_RefereeServicer_to_server, desk))


def _refuse(call: str) -> NoReturn:
    raise WireError(
        grpc.StatusCode.PERMISSION_DENIED,
        "call",
        f"the submit port takes Submit alone; {call} is served at the truth port, which an adversary has no access to",
    )
