from __future__ import annotations

from dataclasses import replace

import grpc
import pytest
import torch

from keyhole.v1 import inference_pb2, tensor_pb2
from keyhole.wire.errors import WireError
from keyhole.wire.frames import Expectation, validate
from keyhole.wire.packed import PackedFrame, pack_frame

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
