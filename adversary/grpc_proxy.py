"""A gRPC proxy that relays every call of every service as raw messages, and copies those that carry frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc

from keyhole.wire.chunks import from_chunks
from keyhole.wire.errors import WireError
from keyhole.wire.frames import PackedFrame
from keyhole.wire.limits import MAX_MESSAGE
from keyhole.wire.methods import INFERENCE, METHODS
from keyhole.wire.server import time_left

WORKERS = 2 * sum(method.calls for method in METHODS.values())  # each call holds one: more than the server takes
READ_SECONDS = 2.0
"""Longest wait, after the last call, for copies that are still being read."""
_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
_DETAILS = "grpc-status-details-bin"  # the details of an error, which the server writes
_log = logging.getLogger(__name__)

Messages = Iterable[bytes]
Reader = Callable[[Messages], Iterator[PackedFrame]]


def _one_by_one(messages: Messages) -> Iterator[PackedFrame]:
    return (PackedFrame.from_wire(message) for message in messages)


READERS: Mapping[str, Reader] = {
    f"/{INFERENCE}/Infer": _one_by_one,
    f"/{INFERENCE}/InferStream": from_chunks,
}
"""How the requests of each method that carries frames are read."""

if TYPE_CHECKING:
    _Handler = grpc.GenericRpcHandler[Any, Any]
else:
    _Handler = grpc.GenericRpcHandler


class GrpcProxy(_Handler):
    """Listens on a free port of loopback. A context manager.

    Every method is relayed as a stream of messages both ways, which on the wire unary calls are too. Metadata,
    deadline, status and cancellation pass as they are. Copies are read on other threads than the calls.

    Args:
        upstream: channel to the real server; closed with the proxy.
        seen: called with every frame that passes.
        malformed: called for each call that carries an unreadable frame.
    """

    def __init__(
        self,
        upstream: grpc.Channel,
        seen: Callable[[PackedFrame], object],
        malformed: Callable[[], object] = lambda: None,
    ) -> None:
        self._upstream = upstream
        self._seen = seen
        self._malformed = malformed
        self._readers = ThreadPoolExecutor(WORKERS, thread_name_prefix="copies")
        self._server = grpc.server(ThreadPoolExecutor(WORKERS, thread_name_prefix="proxy"), options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self.port = 0  # until it listens

    def __enter__(self) -> Self:
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(0.5).wait()
        self._upstream.close()
        ending = threading.Thread(target=self._readers.shutdown, daemon=True)
        ending.start()
        ending.join(READ_SECONDS)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The relay for one method."""
        method = handler_call_details.method
        reader = READERS.get(method)

        def relay(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            if reader:
                requests = self._copied(reader, requests, context)
            return self._relay(method, requests, context)

        return grpc.stream_stream_rpc_method_handler(relay)

    def _relay(self, method: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        call: Any = self._upstream.stream_stream(method, None, None)(
            requests, timeout=time_left(context), metadata=_passable(context.invocation_metadata())
        )
        if not context.add_callback(call.cancel):
            call.cancel()
            return
        try:
            context.send_initial_metadata(_passable(call.initial_metadata()))
            yield from call
        except grpc.RpcError:
            context.set_code(call.code())
            context.set_details(call.details())
        context.set_trailing_metadata(_passable(call.trailing_metadata()))

    def _copied(self, reader: Reader, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """The requests as they are; each is also handed to a thread that reads them, until the call ends."""
        copies: SimpleQueue[bytes | None] = SimpleQueue()
        if context.add_callback(lambda: copies.put(None)):
            self._readers.submit(self._read, reader, copies)

        def keep(request: bytes) -> bytes:
            copies.put(request)
            return request

        return map(keep, requests)

    def _read(self, reader: Reader, copies: SimpleQueue[bytes | None]) -> None:
        try:
            for frame in reader(iter(copies.get, None)):
                self._seen(frame)
        except WireError as error:
            _log.warning("a copied frame cannot be read", extra={"reason": str(error)})
            self._malformed()


def _passable(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    """Metadata less what gRPC writes itself."""
    own = ("grpc-", "user-agent", ":")
    return tuple((key, value) for key, value in metadata or () if key == _DETAILS or not key.startswith(own))
