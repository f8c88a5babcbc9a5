"""Interception of every call to a server: admission, reading, counting, timing.

A method has a number of slots. A call waits for its caller while a message is on its way from it, or to it. It holds a
thread all that time, so a call that waits too long is dismissed; where all slots are taken, the one that has waited
longest makes room for the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from keyhole.service.metrics import Metrics
from keyhole.wire.errors import WireError, abort, invalid
from keyhole.wire.methods import RpcMethod

if TYPE_CHECKING:
    _Base = grpc.ServerInterceptor[Any, Any]
else:
    _Base = grpc.ServerInterceptor

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_KINDS: Mapping[tuple[bool, bool], str] = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}
_SWEEPS = 8  # over the calls that wait, within the time that one may
GRACE_SECONDS = 0.25
"""A call that has waited less than this for its caller keeps its place."""


class CallSlots:
    """The places of one method's calls.

    Args:
        places: most calls at once.
        patience: seconds that a call may wait for its caller.
        clock: seconds, monotonic.
    """

    def __init__(self, places: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: dict[grpc.ServicerContext, float] = {}
        self._dismissed: set[grpc.ServicerContext] = set()

    def enter(self) -> bool:
        """Take a slot for a new call; False if every slot belongs to a call that is being worked on."""
        with self._lock:
            slow = self._slow(GRACE_SECONDS)[:1] if self._taken >= self._places else []
            self._dismiss(slow)
            entered = self._taken < self._places
            self._taken += entered
        _cancel(slow)
        return entered

    def leave(self, call: grpc.ServicerContext) -> None:
        """Give back the place of a call that entered and has ended."""
        with self._lock:
            if call in self._dismissed:
                self._dismissed.remove(call)
            else:
                self._taken -= 1

    @contextmanager
    def waits(self, call: grpc.ServicerContext) -> Iterator[None]:
        """While the block lasts, the call waits for its caller."""
        with self._lock:
            self._waiting[call] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(call, None)

    def dismissed(self, call: grpc.ServicerContext) -> bool:
        """Whether the call had to go because its caller kept it waiting."""
        with self._lock:
            return call in self._dismissed

    def expire(self) -> None:
        """Dismiss the calls that have waited longer than the method's patience."""
        with self._lock:
            slow = self._slow(self._patience)
            self._dismiss(slow)
        _cancel(slow)

    def _slow(self, seconds: float) -> list[grpc.ServicerContext]:
        """Calls that have waited at least so long, the longest first."""
        latest = self._clock() - seconds
        return sorted((call for call, since in self._waiting.items() if since <= latest), key=self._waiting.__getitem__)

    def _dismiss(self, calls: list[grpc.ServicerContext]) -> None:
        for call in calls:
            del self._waiting[call]
            self._dismissed.add(call)
            self._taken -= 1


def _cancel(calls: list[grpc.ServicerContext]) -> None:
    for call in calls:
        call.cancel()  # type: ignore[no-untyped-call]


class CallInterceptor(_Base):
    """Admits, reads, counts and times calls, and ends those that raise ``WireError`` with its status.

    Every method is served as one whose requests are a stream, which on the wire unary calls are too: so a call is in
    hand before its first message has come, and one whose message never comes can be ended. A streaming call is timed
    from its start to its end. Methods that are not listed are not counted: their names are the caller's.

    Args:
        metrics: where calls are counted.
        methods: the methods that are served, by full name.
        tls: whether callers have certificates, whose roles are then checked.
        patience: seconds that a call may wait for its caller, to send a message or to take one.
    """

    def __init__(self, metrics: Metrics, methods: Mapping[str, RpcMethod], *, tls: bool, patience: float) -> None:
        self._patience = patience
        self._served = {
            name: _Served(name, method, CallSlots(method.calls, patience), metrics, tls)
            for name, method in methods.items()
        }

    def sweep(self, ended: threading.Event) -> None:
        """Dismiss calls that wait for too long, until ``ended``."""
        while not ended.wait(self._patience / _SWEEPS):
            for served in self._served.values():
                served.slots.expire()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler."""
        handler = continuation(handler_call_details)
        served = self._served.get(handler_call_details.method)
        if handler is None or served is None:
            return None
        call = _Call(served, handler)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(call.stream, None, handler.response_serializer)
        return grpc.stream_unary_rpc_method_handler(call.once, None, handler.response_serializer)


@dataclass(frozen=True)
class _Served:
    """One method, and what all of its calls share."""

    name: str
    method: RpcMethod
    slots: CallSlots
    metrics: Metrics
    tls: bool


class _Call:
    """One call, which takes a place at once where there is one."""

    def __init__(self, served: _Served, handler: Handler) -> None:
        self._served = served
        self._handler = handler
        self._behaviour = getattr(handler, _KINDS[handler.request_streaming, handler.response_streaming])
        self._entered = served.slots.enter()

    def once(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
        """The one response."""
        with self._accounted(context):
            return self._behaviour(self._argument(messages, context), context)

    def stream(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
        """The responses."""
        with self._accounted(context):
            for response in self._behaviour(self._argument(messages, context), context):
                with self._served.slots.waits(context):
                    yield response

    def _argument(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
        """The request, or the requests as they come.

        Raises:
            WireError: PERMISSION_DENIED, UNAVAILABLE or RESOURCE_EXHAUSTED: the call may not be made, or not now.
        """
        served = self._served
        if served.tls:
            _check_role(served, context)
        if not self._entered:
            raise _no_room(served, self._handler)
        requests = self._requests(messages, context)
        return requests if self._handler.request_streaming else _only(requests)

    def _requests(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
        decode = self._handler.request_deserializer
        while True:
            with self._served.slots.waits(context):
                message = next(messages, None)
            if message is None:
                return
            try:
                request = decode(message) if decode else message
            except DecodeError as error:
                raise invalid("request", f"expected a serialised message of the method's type: {error}") from error
            yield request

    @contextmanager
    def _accounted(self, context: grpc.ServicerContext) -> Iterator[None]:
        """The call from its start to its end, counted, timed and with its status."""
        start = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self._end(context, start, error)
            if isinstance(error, WireError):
                abort(context, error)
            raise
        self._end(context, start, None)

    def _end(self, context: grpc.ServicerContext, start: float, error: BaseException | None) -> None:
        code, metrics, name = self._code(context, error), self._served.metrics, self._served.name
        if self._entered:
            self._served.slots.leave(context)
        metrics.rpc_seconds.labels(name, code.name).observe(time.perf_counter() - start)
        metrics.rpc_total.labels(name, code.name).inc()

    def _code(self, context: grpc.ServicerContext, error: BaseException | None) -> grpc.StatusCode:
        if self._served.slots.dismissed(context):
            return grpc.StatusCode.DEADLINE_EXCEEDED
        if isinstance(error, WireError):
            return error.code
        if isinstance(error, GeneratorExit):
            return grpc.StatusCode.CANCELLED
        return _stated(context) or (grpc.StatusCode.UNKNOWN if error else grpc.StatusCode.OK)


def _only(requests: Iterator[Any]) -> Any:
    for request in requests:
        return request
    raise invalid("request", "expected one message, got none")


def _check_role(served: _Served, context: grpc.ServicerContext) -> None:
    names: Sequence[bytes] = context.auth_context().get("x509_common_name", ())  # type: ignore[assignment]
    role = names[0].decode(errors="replace") if names else ""
    if role not in served.method.roles:
        theirs = f"that of {role!r}" if role else "one without a name"
        raise WireError(
            grpc.StatusCode.PERMISSION_DENIED,
            "certificate",
            f"{served.name} is open to the certificate of {' or '.join(sorted(served.method.roles))}, not to {theirs}",
        )


def _no_room(served: _Served, handler: Handler) -> WireError:
    """A subscription may last for ever, so there is no use in waiting for one to end; any other call is over soon."""
    subscription = handler.response_streaming and not handler.request_streaming
    code = grpc.StatusCode.RESOURCE_EXHAUSTED if subscription else grpc.StatusCode.UNAVAILABLE
    return WireError(code, "call", f"expected at most {served.method.calls} calls of {served.name} at once")


def _stated(context: grpc.ServicerContext) -> grpc.StatusCode | None:
    """The call's status so far, where it has one: set by the service, or by the caller who left."""
    code = context.code()  # type: ignore[attr-defined]
    if code is not None:
        return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN
    if context.is_active():
        return None
    remaining = context.time_remaining()
    late = remaining is not None and remaining <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
