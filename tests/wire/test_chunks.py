from __future__ import annotations

from collections.abc import Sequence

import grpc
import pytest
import torch

from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.chunks import from_chunks, to_chunks
from keyhole.wire.errors import WireError
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.limits import FRAME_SECONDS, MAX_CHUNK, MAX_MESSAGE

Chunk = inference_pb2.FrameChunk


def start(*sizes: int, tensors: int | None = None) -> bytes:
    count = len(sizes) if tensors is None else tensors
    part = Chunk.Start(tensors=[tensor_pb2.Tensor() for _ in range(count)], payload_bytes=sizes)
    return Chunk(start=part).SerializeToString()


def data(length: int) -> bytes:
    return Chunk(data=bytes(length)).SerializeToString()


@pytest.fixture
def large(header: inference_pb2.FrameHeader) -> PackedFrame:
    """Two and a half chunks and a bit more than half a one."""
    return pack_frame(header, [torch.randn(1, 655_360), torch.randn(1, 131_073)], tensor_pb2.CODEC_FP32)


def test_a_frame_survives(large: PackedFrame) -> None:
    (again,) = from_chunks(to_chunks(large))
    assert again.message() == large.message()


def test_chunks_are_what_protobuf_reads_and_at_most_a_mebibyte(large: PackedFrame) -> None:
    first, *rest = map(Chunk.FromString, to_chunks(large))
    assert first.start.header == large.header
    assert [tensor.payload for tensor in first.start.tensors] == [b"", b""]
    assert list(first.start.payload_bytes) == [len(tensor.payload) for tensor in large.tensors]
    assert max(len(chunk.data) for chunk in rest) == MAX_CHUNK
    assert b"".join(chunk.data for chunk in rest) == b"".join(bytes(tensor.payload) for tensor in large.tensors)


def test_chunks_of_another_sender_may_be_cut_anywhere(large: PackedFrame) -> None:
    first, *rest = map(Chunk.FromString, to_chunks(large))
    payload = b"".join(chunk.data for chunk in rest)
    cuts = [Chunk(data=payload[at : at + 1_000_003]) for at in range(0, len(payload), 1_000_003)]
    (again,) = from_chunks(chunk.SerializeToString() for chunk in (first, *cuts))
    assert again.message() == large.message()


def test_frames_follow_one_another(large: PackedFrame, header: inference_pb2.FrameHeader) -> None:
    empty = pack_frame(header, [torch.zeros(1, 0)], tensor_pb2.CODEC_FP32)
    frames = list(from_chunks([*to_chunks(empty), *to_chunks(large), *to_chunks(empty)]))
    assert [frame.payload_bytes for frame in frames] == [0, large.payload_bytes, 0]


def test_no_chunks_no_frames() -> None:
    assert not list(from_chunks([]))


@pytest.mark.parametrize(
    ("chunks", "field", "reason"),
    [
        ([data(4)], "data", "expected a start chunk first"),
        ([start(8), data(4), start(8)], "start", "expected 4 more bytes of data before the next frame"),
        ([start(8), data(4)], "data", "expected 4 more bytes, the stream ended"),
        ([start(8), data(9)], "data", "expected 1 to 8 bytes, got 9"),
        ([start(8), data(0)], "data", "expected 1 to 8 bytes, got 0"),
        ([start(MAX_CHUNK * 2), data(MAX_CHUNK + 1)], "data", f"expected 1 to {MAX_CHUNK} bytes"),
        ([start(8, tensors=2)], "start.payload_bytes", "expected 2 lengths, got 1"),
        ([start(MAX_MESSAGE, 1)], "start.payload_bytes", f"expected at most {MAX_MESSAGE} bytes"),
        ([start(2**64 - 1)], "start.payload_bytes", "expected at most"),
        ([b""], "part", "expected either start or data"),
        ([start(4) + data(4)], "part", "expected either start or data"),
        ([b"\xff\xff"], "chunk", "expected a serialised keyhole.v1.FrameChunk"),
    ],
)
def test_bad_streams_are_refused(chunks: Sequence[bytes], field: str, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        list(from_chunks(chunks))
    assert caught.value.field == field
    assert reason in caught.value.reason


def test_each_frame_has_its_time_from_its_own_start() -> None:
    """A caller who sends a byte now and then cannot hold a thread for ever, and one with many frames may take long."""
    times = iter([0.0, FRAME_SECONDS, 100.0, 100.0 + FRAME_SECONDS, 500.0, 500.1 + FRAME_SECONDS])
    frames = from_chunks([start(4), data(4), start(4), data(4), start(4), data(2), data(2)], clock=lambda: next(times))
    assert [next(frames).payload_bytes, next(frames).payload_bytes] == [4, 4]
    with pytest.raises(WireError, match="data: expected the whole frame within 60 s, 4 bytes are missing") as caught:
        next(frames)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_last_of_repeated_data_counts_as_in_protobuf() -> None:
    first, second = (Chunk(data=bytes([value])).SerializeToString() for value in (1, 2))
    (frame,) = from_chunks([start(1), first + second])
    assert bytes(frame.tensors[0].payload) == b"\2" == Chunk.FromString(first + second).data
