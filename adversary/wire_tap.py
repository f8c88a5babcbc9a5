"""A proxy between edge and cloud that copies the frames it relays.

A connection opens either with a TLS handshake or with plain HTTP/2, and its first bytes tell which. TLS is relayed byte
for byte to the cloud: the tap then sees ciphertext, and says so. A plain connection goes to a gRPC proxy in this
process, which passes every call on and keeps a copy of the frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

import grpc

from adversary.grpc_proxy import GrpcProxy
from adversary.taps import Frame
from keyhole.service.address import Address
from keyhole.service.errors import AddressError
from keyhole.service.lifecycle import Stop
from keyhole.wire.frames import PackedFrame

TLS_HANDSHAKE = b"\x16\x03"  # type of the record, major version
_PIECE = 1 << 16
_QUEUE = 64
_POLL_SECONDS = 0.2
_log = logging.getLogger(__name__)


class WireTap:
    """Listens where the edge expects the cloud. A context manager.

    Args:
        listen: where; port 0 takes a free one.
        cloud: the real cloud.
        channel: to the real cloud in plain text; closed with the tap.
        lost: called with the number of frames that came faster than they were taken.
        malformed: called for each call that carries an unreadable frame.
        ciphertext: called with the number of bytes relayed unread.

    Attributes:
        address: where it listens, while the context is open.
    """

    def __init__(
        self,
        listen: Address,
        cloud: Address,
        channel: grpc.Channel,
        *,
        lost: Callable[[int], object] = lambda _: None,
        malformed: Callable[[], object] = lambda: None,
        ciphertext: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.address = listen
        self._cloud = cloud
        self._lost = lost
        self._ciphertext = ciphertext
        self._queue: Queue[PackedFrame] = Queue(_QUEUE)
        self._proxy = GrpcProxy(channel, self._keep, malformed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._warned = False

    def __enter__(self) -> Self:
        """Start to listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._proxy.__enter__()
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, self.address.host, self.address.port), self._loop
        )
        try:
            self._server = opening.result()
        except OSError as error:
            self._proxy.__exit__(None, None, None)
            self._end_loop()
            raise AddressError(f"cannot listen on {self.address}: {error}; is the port taken?") from error
        self.address = self.address.with_port(self._server.sockets[0].getsockname()[1])
        _log.info("relaying", extra={"from": str(self.address), "to": str(self._cloud)})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._proxy.__exit__(kind, error, trace)
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._end_loop()

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """Frames as they pass, until ``stop``."""
        while not stop.is_set():
            with contextlib.suppress(Empty):
                yield self._queue.get(timeout=_POLL_SECONDS)

    def _keep(self, frame: PackedFrame) -> None:
        while True:
            try:
                return self._queue.put_nowait(frame)
            except Full:
                with contextlib.suppress(Empty):
                    self._queue.get_nowait()
                    self._lost(1)

    async def _accept(self, edge: asyncio.StreamReader, to_edge: asyncio.StreamWriter) -> None:
        """Relay one connection, to its end."""
        try:
            opening = await edge.readexactly(len(TLS_HANDSHAKE))
            if opening == TLS_HANDSHAKE:
                self._warn(to_edge)
                await _join(edge, to_edge, opening, self._cloud, self._ciphertext)
            else:
                await _join(edge, to_edge, opening, Address("127.0.0.1", self._proxy.port), lambda _: None)
        except (OSError, asyncio.IncompleteReadError) as error:
            _log.debug("connection ended", extra={"reason": str(error)})
        finally:
            to_edge.close()

    def _warn(self, to_edge: asyncio.StreamWriter) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "TLS: the wire tap sees only ciphertext, and no frame",
                extra={"edge": to_edge.get_extra_info("peername")},
            )

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _join(
    edge: asyncio.StreamReader,
    to_edge: asyncio.StreamWriter,
    opening: bytes,
    onward: Address,
    count: Callable[[int], object],
) -> None:
    """Relay between the edge and ``onward`` until either closes."""
    cloud, to_cloud = await asyncio.open_connection(onward.host, onward.port)
    to_cloud.write(opening)
    await asyncio.gather(_pump(edge, to_cloud, count), _pump(cloud, to_edge, count))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[int], object]) -> None:
    """Copy bytes until either end closes; then close the sink."""
    try:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                count(len(piece))
                sink.write(piece)
                await sink.drain()
    finally:
        sink.close()
