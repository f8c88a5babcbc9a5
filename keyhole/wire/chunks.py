"""Large frames in chunks: serialised ``FrameChunk`` messages, a start and then the payload in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from keyhole.v1 import inference_pb2
from keyhole.wire.errors import WireError, invalid
from keyhole.wire.frames import PackedFrame
from keyhole.wire.limits import FRAME_SECONDS, MAX_CHUNK, MAX_MESSAGE
from keyhole.wire.tensors import MalformedError, PackedTensor, bytes_field, take

_DATA = inference_pb2.FrameChunk.DATA_FIELD_NUMBER


def to_chunks(frame: PackedFrame) -> Iterator[bytes]:
    """The frame as serialised chunks of at most ``MAX_CHUNK`` bytes of payload."""
    start = inference_pb2.FrameChunk.Start(
        header=frame.header,
        tensors=[tensor.head() for tensor in frame.tensors],
        payload_bytes=[len(tensor.payload) for tensor in frame.tensors],
    )
    yield inference_pb2.FrameChunk(start=start).SerializeToString()
    for tensor in frame.tensors:
        view = memoryview(tensor.payload)
        for at in range(0, len(view), MAX_CHUNK):
            yield b"".join(bytes_field(_DATA, view[at : at + MAX_CHUNK]))


def from_chunks(chunks: Iterable[bytes], clock: Callable[[], float] = time.monotonic) -> Iterator[PackedFrame]:
    """The frames of a stream of serialised chunks, each as soon as it is complete.

    Raises:
        WireError: INVALID_ARGUMENT, a chunk is out of order, too long or damaged, or the stream ends within a frame;
            DEADLINE_EXCEEDED, a frame is not complete ``FRAME_SECONDS`` after its start.
    """
    assembly: _Assembly | None = None
    for chunk in chunks:
        start, data = _read(chunk)
        if start is not None:
            if assembly:
                raise invalid("start", f"expected {assembly.missing} more bytes of data before the next frame")
            assembly = _Assembly(start, clock() + FRAME_SECONDS)
        elif assembly is None:
            raise invalid("data", "expected a start chunk first")
        else:
            assembly.add(data, clock())
        if not assembly.missing:
            yield assembly.frame()
            assembly = None
    if assembly:
        raise invalid("data", f"expected {assembly.missing} more bytes, the stream ended")


def _read(chunk: bytes) -> tuple[inference_pb2.FrameChunk.Start | None, memoryview]:
    try:
        rest, data = take(memoryview(chunk), _DATA)
        message = inference_pb2.FrameChunk.FromString(rest)
    except (MalformedError, DecodeError) as error:
        raise invalid("chunk", f"expected a serialised keyhole.v1.FrameChunk: {error}") from error
    if message.HasField("start") == bool(data):
        raise invalid("part", "expected either start or data")
    return (None, data[-1]) if data else (message.start, memoryview(b""))


class _Assembly:
    """A frame under way, until a time on the clock: one buffer for all its payloads."""

    def __init__(self, start: inference_pb2.FrameChunk.Start, until: float) -> None:
        sizes = list(start.payload_bytes)
        if len(sizes) != len(start.tensors):
            raise invalid("start.payload_bytes", f"expected {len(start.tensors)} lengths, got {len(sizes)}")
        if sum(sizes) > MAX_MESSAGE:
            raise invalid("start.payload_bytes", f"expected at most {MAX_MESSAGE} bytes, got {sum(sizes)}")
        self._start = start
        self._until = until
        self._sizes = sizes
        self._buffer = np.empty(sum(sizes), np.uint8).data
        self._filled = 0

    @property
    def missing(self) -> int:
        """Bytes that have not come yet."""
        return len(self._buffer) - self._filled

    def add(self, data: memoryview, now: float) -> None:
        if now > self._until:
            late = f"expected the whole frame within {FRAME_SECONDS:g} s, {self.missing} bytes are missing"
            raise WireError(grpc.StatusCode.DEADLINE_EXCEEDED, "data", late)
        limit = min(self.missing, MAX_CHUNK)
        if not 0 < len(data) <= limit:
            raise invalid("data", f"expected 1 to {limit} bytes, got {len(data)}")
        self._buffer[self._filled : self._filled + len(data)] = data
        self._filled += len(data)

    def frame(self) -> PackedFrame:
        tensors, at = [], 0
        for tensor, size in zip(self._start.tensors, self._sizes, strict=True):
            tensors.append(PackedTensor.of(tensor, self._buffer[at : at + size]))
            at += size
        return PackedFrame(self._start.header, tuple(tensors))
