"""Everything wrong that can be sent to a live cloud: a clear refusal, and the cloud lives on."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable

import grpc
import pytest
import torch
import zstandard

from keyhole.v1 import inference_pb2, inference_pb2_grpc, tensor_pb2
from keyhole.wire.chunks import to_chunks
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import explain, violations
from keyhole.wire.tensors import unpack
from tests.system.frames import pictures

INVALID, UNMET = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
INFER, STREAM = "/keyhole.v1.Inference/Infer", "/keyhole.v1.Inference/InferStream"


@pytest.fixture
def good(edge) -> inference_pb2.Frame:
    return edge.frame(pictures(1)[0]).message()


@pytest.fixture(autouse=True)
def _lives_on(channel, edge):
    """After each test the cloud answers a good frame, and rightly."""
    yield
    picture = pictures(1, seed=1)
    answer = InferenceClient(channel).infer(edge.frame(picture[0]), timeout=30)
    torch.testing.assert_close(unpack(answer.outputs[0], field="outputs[0]"), edge.whole(picture))


def numbers(*values: float) -> bytes:
    """A payload of the stem's size that starts with these."""
    rest = 8 * 16 * 16 - len(values)
    return struct.pack(f"<{len(values)}f", *values) + bytes(4 * rest)


def with_header(field: str, value: str) -> Callable[[inference_pb2.Frame], None]:
    return lambda frame: setattr(frame.header, field, value)


def with_shape(*shape: int) -> Callable[[inference_pb2.Frame], None]:
    def change(frame: inference_pb2.Frame) -> None:
        frame.tensors[0].spec.shape[:] = shape

    return change


def with_tensor(**fields: object) -> Callable[[inference_pb2.Frame], None]:
    def change(frame: inference_pb2.Frame) -> None:
        for name, value in fields.items():
            setattr(frame.tensors[0], name, value)

    return change


def with_dtype(value: int) -> Callable[[inference_pb2.Frame], None]:
    return lambda frame: setattr(frame.tensors[0].spec, "dtype", value)


def without_tensors(frame: inference_pb2.Frame) -> None:
    del frame.tensors[:]


def with_another_tensor(frame: inference_pb2.Frame) -> None:
    frame.tensors.append(frame.tensors[0])


def in_wrong_order(frame: inference_pb2.Frame) -> None:
    frame.tensors[0].spec.shape[:] = (1, 16, 8, 16)


ZSTD = tensor_pb2.CODEC_FP32_ZSTD
BAD_FRAMES = {
    "no id": (with_header("frame_id", ""), INVALID, "header.frame_id", "expected a non-empty id"),
    "another target": (with_header("target", "vgg16"), UNMET, "header.target", "expected 'tests.system"),
    "another model": (with_header("model_hash", "0" * 16), UNMET, "header.model_hash", "got '0000000000000000'"),
    "another cut": (with_header("cut", "stem"), UNMET, "header.cut", "expected 'block.first', got 'stem'"),
    "no tensors": (without_tensors, INVALID, "tensors", "expected 2 (stem, block.first), got 0"),
    "too many tensors": (with_another_tensor, INVALID, "tensors", "expected 2 (stem, block.first), got 3"),
    "another shape": (with_shape(1, 8, 16, 15), INVALID, "tensors[0].spec.shape", "expected (1, 8, 16, 16) for stem"),
    "transposed": (in_wrong_order, INVALID, "tensors[0].spec.shape", "got (1, 16, 8, 16)"),
    "a batch of two": (with_shape(2, 8, 16, 16), INVALID, "tensors[0].spec.shape", "got (2, 8, 16, 16)"),
    "negative sides": (with_shape(-1, -8, 16, 16), INVALID, "tensors[0].spec.shape", "got (-1, -8, 16, 16)"),
    "a huge shape": (with_shape(1, 2**40, 2**20), INVALID, "tensors[0].spec.shape", "expected (1, 8, 16, 16)"),
    "no shape": (with_shape(), INVALID, "tensors[0].spec.shape", "got ()"),
    "another dtype": (with_dtype(tensor_pb2.DTYPE_FLOAT16), INVALID, "tensors[0].spec.dtype", "expected torch.float32"),
    "no dtype": (with_dtype(0), INVALID, "tensors[0].spec.dtype", "expected"),
    "an unknown dtype": (with_dtype(99), INVALID, "tensors[0].spec.dtype", "got 99"),
    "no codec": (with_tensor(codec=0), INVALID, "tensors[0].codec", "expected one of fp32"),
    "an unknown codec": (with_tensor(codec=99), INVALID, "tensors[0].codec", "got 99"),
    "another codec": (with_tensor(codec=tensor_pb2.CODEC_FP16), INVALID, "tensors[0].payload", "expected 4096 bytes"),
    "no payload": (with_tensor(payload=b""), INVALID, "tensors[0].payload", "expected 8192 bytes"),
    "a short payload": (with_tensor(payload=bytes(8191)), INVALID, "tensors[0].payload", "got 8191"),
    "a long payload": (with_tensor(payload=bytes(2**20)), INVALID, "tensors[0].payload", "got 1048576"),
    "NaN": (with_tensor(payload=numbers(float("nan"))), INVALID, "tensors[0].payload", "1 of 2048 NaN or infinite"),
    "infinity": (with_tensor(payload=numbers(float("inf"), -float("inf"))), INVALID, "tensors[0].payload", "2 of 2048"),
    "no zstd": (with_tensor(codec=ZSTD, payload=b"not zstd at all"), INVALID, "tensors[0].payload", "zstd"),
    "a zstd bomb": (
        with_tensor(codec=ZSTD, payload=zstandard.compress(bytes(2**28))),
        INVALID,
        "tensors[0].payload",
        "expected 8192 bytes after decompression",
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "streamed"])
def test_a_bad_frame_is_refused_with_what_was_expected(channel, good, case, streamed):
    change, code, field, reason = BAD_FRAMES[case]
    change(good)
    stub = inference_pb2_grpc.InferenceStub(channel)
    with pytest.raises(grpc.RpcError) as refusal:
        list(stub.InferStream(chunks(good), timeout=30)) if streamed else stub.Infer(good, timeout=30)
    assert refusal.value.code() is code, explain(refusal.value)
    ((named, explained),) = violations(refusal.value)
    assert named == field
    assert reason in explained
    assert reason in refusal.value.details()


def chunks(frame: inference_pb2.Frame):
    """A frame as chunks, unchecked."""
    start = inference_pb2.FrameChunk.Start(
        header=frame.header,
        tensors=[tensor_pb2.Tensor(spec=tensor.spec, codec=tensor.codec) for tensor in frame.tensors],
        payload_bytes=[len(tensor.payload) for tensor in frame.tensors],
    )
    yield inference_pb2.FrameChunk(start=start)
    for tensor in frame.tensors:
        for at in range(0, len(tensor.payload), 2**20):
            yield inference_pb2.FrameChunk(data=tensor.payload[at : at + 2**20])


@pytest.mark.parametrize("data", [b"\xff" * 100, b"hello, cloud", b"\x12\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_no_frame_are_refused(channel, data):
    for call in (
        lambda: channel.unary_unary(INFER)(data, timeout=30),
        lambda: list(channel.stream_stream(STREAM)(iter([data]), timeout=30)),
    ):
        with pytest.raises(grpc.RpcError) as refusal:
            call()
        assert refusal.value.code() is INVALID
        assert "expected a serialised keyhole.v1.Frame" in refusal.value.details()


def test_a_message_above_the_limit_is_refused_before_it_is_read(live):
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(live.listen, options=options) as channel, pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary(INFER)(bytes(64 * 2**20 + 1), timeout=60)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "67108864" in refusal.value.details()


def start(frame: inference_pb2.Frame, *sizes: int) -> bytes:
    message = inference_pb2.FrameChunk()
    message.start.header.CopyFrom(frame.header)
    message.start.tensors.extend(tensor_pb2.Tensor(spec=t.spec, codec=t.codec) for t in frame.tensors)
    message.start.payload_bytes.extend(sizes)
    return message.SerializeToString()


def data(size: int) -> bytes:
    return inference_pb2.FrameChunk(data=bytes(size)).SerializeToString()


BAD_STREAMS = {
    "data first": (lambda _: [data(10)], "expected a start chunk first"),
    "an empty chunk": (lambda _: [b""], "expected either start or data"),
    "two starts": (lambda frame: [start(frame, 8192, 8192)] * 2, "16384 more bytes"),
    "an end too early": (lambda frame: [start(frame, 8192, 8192), data(100)], "expected 16284 more bytes"),
    "too much data": (lambda frame: [start(frame, 8192, 8192), data(16385)], "expected 1 to 16384 bytes"),
    "a chunk too long": (lambda frame: [start(frame, 2**22, 0), data(2**20 + 1)], "expected 1 to 1048576 bytes"),
    "a length missing": (lambda frame: [start(frame, 8192)], "expected 2 lengths, got 1"),
    "an oversized frame": (lambda frame: [start(frame, 2**40, 0)], "expected at most 67108864 bytes"),
}


@pytest.mark.parametrize("case", BAD_STREAMS)
def test_a_bad_stream_is_refused_with_what_was_expected(channel, good, case):
    make, reason = BAD_STREAMS[case]
    with pytest.raises(grpc.RpcError) as refusal:
        list(channel.stream_stream(STREAM)(iter(make(good)), timeout=30))
    assert refusal.value.code() is INVALID
    assert reason in refusal.value.details()


def test_frames_before_a_bad_one_in_a_stream_are_answered(channel, edge):
    first, second = edge.frame(pictures(1)[0], "a"), edge.frame(pictures(1)[0], "b").message()
    second.header.cut = "nowhere"
    bad = (chunk.SerializeToString() for chunk in chunks(second))
    answers = channel.stream_stream(STREAM)(itertools.chain(to_chunks(first), bad), timeout=30)
    assert inference_pb2.Answer.FromString(next(answers)).frame_id == "a"
    with pytest.raises(grpc.RpcError) as refusal:
        next(answers)
    assert refusal.value.code() is UNMET
