from __future__ import annotations

import contextlib
import tracemalloc
from dataclasses import replace

import grpc
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keyhole.v1 import inference_pb2, tap_pb2, tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import WireError
from keyhole.wire.frames import Expectation, PackedAnswer, PackedFrame, pack_frame, validate
from keyhole.wire.tensors import ExpectedTensor, bytes_field, pack_view, unpack_all

INVALID, UNMET = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def frame(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> PackedFrame:
    return pack_frame(header, tensors, tensor_pb2.CODEC_FP32)


@pytest.mark.parametrize("share", [False, True])
def test_a_good_frame_gives_its_tensors(
    frame: PackedFrame, expectation: Expectation, tensors: list[torch.Tensor], share: bool
) -> None:
    for good in (frame, frame.message(), PackedFrame.from_wire(frame.to_wire())):
        result = validate(good, expectation, share=share)
        assert all(torch.equal(got, sent) for got, sent in zip(result, tensors, strict=True))


def test_tensors_are_ones_own_unless_shared(frame: PackedFrame, expectation: Expectation) -> None:
    received = PackedFrame.from_wire(memoryview(bytearray(frame.to_wire())))
    validate(received, expectation)[0].zero_()
    assert validate(received, expectation)[0].any()
    validate(received, expectation, share=True)[0].zero_()
    assert not validate(received, expectation)[0].any()


@pytest.mark.parametrize(
    ("name", "value", "code", "reason"),
    [
        ("frame_id", "", INVALID, "expected a non-empty id of up to 128 letters, digits and . _ -, got ''"),
        ("frame_id", "../../etc/passwd", INVALID, "got '../../etc/passwd'"),
        ("frame_id", "x" * 129, INVALID, "of up to 128 letters"),
        ("target", "vgg16", UNMET, "expected 'resnet18', got 'vgg16'"),
        ("model_hash", "f" * 16, UNMET, "expected '0123456789abcdef', got 'ffffffffffffffff'"),
        ("cut", "layer3", UNMET, "expected 'layer2', got 'layer3'"),
    ],
)
def test_headers_for_another_cloud_are_refused(
    frame: PackedFrame, expectation: Expectation, name: str, value: str, code: grpc.StatusCode, reason: str
) -> None:
    header = inference_pb2.FrameHeader()
    header.CopyFrom(frame.header)
    setattr(header, name, value)
    with pytest.raises(WireError) as caught:
        validate(replace(frame, header=header), expectation)
    assert (caught.value.code, caught.value.field) == (code, f"header.{name}")
    assert reason in caught.value.reason


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_number_of_tensors_must_be_the_plans(frame: PackedFrame, expectation: Expectation, count: int) -> None:
    tensors = (*frame.tensors, frame.tensors[0])[:count]
    with pytest.raises(WireError, match=rf"tensors: expected 2 \(features, skip\), got {count}") as caught:
        validate(replace(frame, tensors=tensors), expectation)
    assert caught.value.code is INVALID


def test_the_field_at_fault_has_its_index(frame: PackedFrame, expectation: Expectation) -> None:
    swapped = replace(frame, tensors=(frame.tensors[0], frame.tensors[0]))
    with pytest.raises(WireError, match=r"tensors\[1\].spec.shape: expected \(1, 2, 3\) for skip, got \(1, 4, 3, 3\)"):
        validate(swapped, expectation)


def test_codecs_beyond_the_expectations_are_refused(
    header: inference_pb2.FrameHeader, tensors: list[torch.Tensor], expectation: Expectation
) -> None:
    with pytest.raises(WireError, match=r"tensors\[0\].codec: expected one of .* got bf16"):
        validate(pack_frame(header, tensors, tensor_pb2.CODEC_BF16), expectation)


def same(packed: PackedFrame, message: inference_pb2.Frame) -> bool:
    return packed.message() == message


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_is_what_protobuf_reads_and_writes(
    codec: int, header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]
) -> None:
    frame = pack_frame(header, tensors, codec)
    message = inference_pb2.Frame.FromString(frame.to_wire())
    for tensor in message.tensors:
        tensor.ClearField("padding")
    assert same(frame, message)
    assert same(PackedFrame.from_wire(message.SerializeToString()), message)
    assert same(PackedFrame.from_wire(frame.to_wire()), message)


def test_no_bytes_are_a_frame_without_anything() -> None:
    assert PackedFrame.from_wire(b"") == PackedFrame(inference_pb2.FrameHeader(), ())


@pytest.mark.parametrize("length", range(1, 20))
def test_payloads_are_aligned_in_the_message(length: int, tensors: list[torch.Tensor]) -> None:
    header = inference_pb2.FrameHeader(frame_id="x" * length)
    frame = PackedFrame.from_wire(pack_frame(header, tensors, tensor_pb2.CODEC_FP32).to_wire())
    assert [np.frombuffer(tensor.payload, np.uint8).ctypes.data % 16 for tensor in frame.tensors] == [0, 0]


def test_payload_bytes_counts_payloads(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> None:
    assert pack_frame(header, tensors, tensor_pb2.CODEC_FP16).payload_bytes == 2 * sum(t.numel() for t in tensors)


def test_a_tapped_frame_is_what_protobuf_reads(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> None:
    frame = pack_frame(header, tensors, tensor_pb2.CODEC_FP32)
    tapped = tap_pb2.TappedFrame.FromString(frame.to_tapped(300))
    assert tapped.dropped == 300
    assert tapped.frame == inference_pb2.Frame.FromString(frame.to_wire())


def test_an_answer_is_what_protobuf_reads_and_writes(tensors: list[torch.Tensor]) -> None:
    times = inference_pb2.CloudTimes(decode=0.25, queue=0.5)
    answer = PackedAnswer("a-1", (pack_view(tensors[0], tensor_pb2.CODEC_FP32),), times, 3)
    message = inference_pb2.Answer.FromString(answer.to_wire())
    assert (message.frame_id, message.batch, message.times) == ("a-1", 3, times)
    assert message.outputs[0].payload == tensors[0].numpy().tobytes()
    again = PackedAnswer.from_wire(message.SerializeToString())
    assert (again.frame_id, again.batch, again.times) == ("a-1", 3, times)
    assert bytes(again.outputs[0].payload) == message.outputs[0].payload


def test_an_answer_needs_an_output() -> None:
    answer = PackedAnswer.from_wire(inference_pb2.Answer(frame_id="a").SerializeToString())
    with pytest.raises(WireError, match=r"expected 1 \(output\), got 0"):
        unpack_all(answer.outputs, field="outputs", expected=[ExpectedTensor("output", (1, 5), torch.float32)])


def test_the_last_of_repeated_payloads_counts_as_in_protobuf() -> None:
    twice = (
        tensor_pb2.Tensor(payload=b"old").SerializeToString() + tensor_pb2.Tensor(payload=b"new").SerializeToString()
    )
    frame = b"\x12" + bytes([len(twice)]) + twice
    assert bytes(PackedFrame.from_wire(frame).tensors[0].payload) == b"new"


@given(data=st.binary(max_size=200))
def test_garbage_is_a_wire_error_or_a_frame(data: bytes) -> None:
    for read in (PackedFrame.from_wire, PackedAnswer.from_wire):
        with contextlib.suppress(WireError):
            read(data)


def test_long_heads_of_tensors_are_not_remembered() -> None:
    """What follows from one caller's padding must not stay in memory."""
    mebibyte = 1 << 20

    def read(number: int) -> None:
        padded = tensor_pb2.Tensor(padding=bytes(mebibyte - 1) + bytes([number])).SerializeToString()
        PackedFrame.from_wire(b"".join(bytes_field(inference_pb2.Frame.TENSORS_FIELD_NUMBER, padded)))

    read(0)
    tracemalloc.start()
    try:
        for number in range(1, 33):
            read(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 * mebibyte
