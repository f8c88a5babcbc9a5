"""What every server does around a call: count it, time it, and turn ``WireError`` into a status."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from keyhole.service.metrics import Metrics
from keyhole.wire.errors import WireError, abort

if TYPE_CHECKING:
    _Base = grpc.ServerInterceptor[Any, Any]
else:
    _Base = grpc.ServerInterceptor

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_KINDS: dict[tuple[bool, bool], tuple[str, Callable[..., Handler]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


class CallInterceptor(_Base):
    """Counts and times calls by method and code, and ends those that raise ``WireError`` with its status.

    A streaming call is timed from its start to its end. Unknown methods are not counted: their names are the caller's.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        kind, make = _KINDS[handler.request_streaming, handler.response_streaming]
        behaviour, method = getattr(handler, kind), handler_call_details.method

        def once(request: Any, context: grpc.ServicerContext) -> Any:
            with _Call(self._metrics, method, context):
                return behaviour(request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with _Call(self._metrics, method, context):
                yield from behaviour(request, context)

        return make(
            stream if handler.response_streaming else once,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


class _Call:
    """One call under way."""

    def __init__(self, metrics: Metrics, method: str, context: grpc.ServicerContext) -> None:
        self._metrics = metrics
        self._method = method
        self._context = context
        self._start = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WireError):
            code = error.code
        elif isinstance(error, GeneratorExit):
            code = grpc.StatusCode.CANCELLED
        else:
            code = _code(self._context) or (grpc.StatusCode.UNKNOWN if error else grpc.StatusCode.OK)
        labels = (self._method, code.name)
        self._metrics.rpc_seconds.labels(*labels).observe(time.perf_counter() - self._start)
        self._metrics.rpc_total.labels(*labels).inc()
        if isinstance(error, WireError):
            abort(self._context, error)


def _code(context: grpc.ServicerContext) -> grpc.StatusCode | None:
    """The call's status so far, where it has one: set by the service, or by the caller who left."""
    code = context.code()  # type: ignore[attr-defined]
    if code is not None:
        return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN
    if context.is_active():
        return None
    remaining = context.time_remaining()
    late = remaining is not None and remaining <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
