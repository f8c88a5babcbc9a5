"""Tells the monitor the truth of each frame and what became of it. The edge never waits for it.

Messages go in order, from a bounded queue, on a thread of its own. While the monitor is away they are kept and sent
again; the oldest go when the queue is full, and are counted. The edge's account goes now and then, and at the end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

import grpc

from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.errors import explain

Message = referee_pb2.Truth | referee_pb2.Outcome
CAPACITY = 128
CALL_SECONDS = 2.0
PAUSE_SECONDS = 0.25
CLOSE_SECONDS = 1.0
ACCOUNT_SECONDS = 5.0
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_log = logging.getLogger(__name__)


class Unwatched:
    """No monitor: nothing is told."""

    def tell(self, _make: Callable[[], Message]) -> None:
        """Do nothing."""

    def __enter__(self) -> Unwatched:
        return self

    def __exit__(self, *_: object) -> None:
        return


class Witness:
    """A queue of messages to the monitor. A context manager: leaving it sends what waits, for a second at most.

    Args:
        channel: to the monitor's truth port; closed with the witness.
        lost: called for each message that will not be delivered.
        account: what the edge counts.
        capacity: messages kept while the monitor is away.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        lost: Callable[[], object] = lambda: None,
        account: Callable[[], referee_pb2.Account] = referee_pb2.Account,
        capacity: int = CAPACITY,
    ) -> None:
        stub = referee_pb2_grpc.RefereeStub(channel)
        self._account = account
        self._settle_call = stub.Settle
        self._due = time.monotonic() + ACCOUNT_SECONDS
        self._channel = channel
        self._calls: dict[type, Callable[..., referee_pb2.Ack]] = {
            referee_pb2.Truth: stub.Witness,
            referee_pb2.Outcome: stub.Conclude,
        }
        self._lost = lost
        self._capacity = capacity
        self._waiting: deque[Callable[[], Message]] = deque()
        self._ending = False
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._work, name="witness", daemon=True)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        self._closed.set()
        self._channel.close()
        self._thread.join()
        for _ in self._waiting:
            self._lost()

    def tell(self, make: Callable[[], Message]) -> None:
        """Queue a message; ``make`` builds it on the witness's thread."""
        with self._changed:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._lost()
            self._waiting.append(make)
            self._changed.notify_all()

    def _work(self) -> None:
        while make := self._next():
            try:
                delivered = self._deliver(make())
            except Exception:
                _log.exception("a message to the monitor could not be made")
                delivered = False
            if not delivered:
                self._lost()
            if time.monotonic() >= self._due:
                self._settle()
        if not self._closed.is_set():
            self._settle()

    def _next(self) -> Callable[[], Message] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            return self._waiting.popleft() if self._waiting and not self._closed.is_set() else None

    def _settle(self) -> None:
        """Send the account once; where it does not arrive, the next one says as much."""
        self._due = time.monotonic() + ACCOUNT_SECONDS
        try:
            self._settle_call(self._account(), timeout=CALL_SECONDS)
        except ValueError:  # how gRPC says that the channel was closed
            return
        except grpc.RpcError as error:
            if error.code() not in _AWAY and not self._closed.is_set():
                _log.warning("the monitor refused the account", extra={"reason": explain(error)})

    def _deliver(self, message: Message) -> bool:
        """Send until it arrives or is refused, or until the witness closes."""
        while not self._closed.is_set():
            started = time.monotonic()
            try:
                self._calls[type(message)](message, timeout=CALL_SECONDS)
            except ValueError:  # how gRPC says that the channel was closed
                return False
            except grpc.RpcError as error:
                if self._closed.is_set():
                    return False
                if error.code() not in _AWAY:
                    _log.warning("the monitor refused a message", extra={"reason": explain(error)})
                    return False
                self._note(away=True)
                self._closed.wait(max(0.0, PAUSE_SECONDS - (time.monotonic() - started)))
            else:
                self._note(away=False)
                return True
        return False

    def _note(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            _log.warning("the monitor is away; going on without it") if away else _log.info("the monitor is back")
