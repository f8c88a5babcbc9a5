"""The referee on the wire: a truth port for every call and a stream of events, a submit port for what attacks say."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn

import grpc

from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import (
    Account,
    Ack,
    ClassPicture,
    Event,
    Outcome,
    Presence,
    Reconstruction,
    Roster,
    Truth,
    WatchRequest,
)
from keyhole.v1.referee_pb2_grpc import RefereeServicer, add_RefereeServicer_to_server
from keyhole.wire.errors import WireError
from keyhole.wire.limits import MIB
from keyhole.wire.methods import REFEREE
from keyhole.wire.server import Registration
from monitor.bounded_entries import BoundedEntries
from monitor.referee import Referee
from monitor.scoring import Listener, ScoredReconstruction
from monitor.validation import check_presence

_POLL_SECONDS = 0.25
_WATCHER_BYTES = 32 * MIB


class Watcher:
    """Events for one who watches; the oldest are lost when they are too many.

    Args:
        queued: most events held, of 32 MiB together.
    """

    def __init__(self, queued: int) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._events: BoundedEntries[int, Event] = BoundedEntries(queued, _WATCHER_BYTES)

    @property
    def depth(self) -> int:
        """Events waiting."""
        return len(self._events)

    def add(self, event: Event) -> None:
        """Hold an event."""
        with self._changed:
            self._events.put(next(self._numbers), event, event.ByteSize())
            self._changed.notify()

    def take(self, timeout: float) -> Event | None:
        """The next event; None where none comes within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._events) > 0, timeout):
                return None
            return self._events.pop_oldest()


class Broadcast(Listener):
    """Copies the events into a bounded queue per watcher. Truths go without their secrets.

    Args:
        queued: most events held for a watcher.
    """

    def __init__(self, queued: int = 256) -> None:
        self._queued = queued
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []

    @property
    def watchers(self) -> int:
        """Watchers now."""
        return len(self._watchers)

    @property
    def depth(self) -> int:
        """Events waiting for the slowest watcher."""
        return max((watcher.depth for watcher in tuple(self._watchers)), default=0)

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """The events from now on."""
        watcher = Watcher(self._queued)
        with self._lock:
            self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.remove(watcher)

    def witnessed(self, truth: Truth) -> None:
        seen = Event(truth=truth)
        seen.truth.ClearField("secrets")
        self._send(seen)

    def concluded(self, outcome: Outcome) -> None:
        self._send(Event(outcome=outcome))

    def judged(self, scored: ScoredReconstruction) -> None:
        self._send(Event(reconstruction=scored.reconstruction))
        self._send(Event(score=scored.score))

    def _send(self, event: Event) -> None:
        with self._lock:
            for watcher in self._watchers:
                watcher.add(event)


class TruthPort(RefereeServicer):
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

    def Announce(self, request: Roster, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what an adversary runs."""
        self._referee.announce(request)
        return Ack()

    def Recall(self, request: ClassPicture, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what an adversary made of a class."""
        self._referee.recall(request)
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


class SubmitPort(RefereeServicer):
    """Takes `Submit`, `Announce` and `Recall` and answers that they have been taken, nothing else.

    Args:
        referee: judges.
    """

    def __init__(self, referee: Referee) -> None:
        self._referee = referee

    def Submit(self, request: Reconstruction, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Score a reconstruction and keep the score."""
        self._referee.submit(request)
        return Ack()

    def Announce(self, request: Roster, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what an adversary runs."""
        self._referee.announce(request)
        return Ack()

    def Recall(self, request: ClassPicture, context: grpc.ServicerContext) -> Ack:  # noqa: ARG002, N802
        """Take what an adversary made of a class."""
        self._referee.recall(request)
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


def registration(port: RefereeServicer) -> Registration:
    """A port as `keyhole.wire.server.serve` takes it."""
    return Registration(REFEREE, partial(add_RefereeServicer_to_server, port))


def _refuse(call: str) -> NoReturn:
    raise WireError(
        grpc.StatusCode.PERMISSION_DENIED,
        "call",
        f"the submit port takes Submit, Announce and Recall; {call} is served at the truth port, which an adversary "
        "has no access to",
    )
