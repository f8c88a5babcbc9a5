from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import torch
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from keyhole.v1 import tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import WireError
from keyhole.wire.tensors import (
    DTYPES,
    ExpectedTensor,
    MalformedError,
    bytes_field,
    pack,
    pack_view,
    spec_of,
    take,
    unpack,
    varint,
    varint_field,
)

EXPECTED = ExpectedTensor("features", (1, 2, 3), torch.float32)


def message(**changes: object) -> tensor_pb2.Tensor:
    """A valid message for ``EXPECTED``, changed."""
    plain = pack(torch.arange(6.0).reshape(1, 2, 3), tensor_pb2.CODEC_FP32)
    fields: dict[str, Any] = {"spec": plain.spec, "codec": plain.codec, "payload": plain.payload, **changes}
    return tensor_pb2.Tensor(**fields)


def spec(*shape: int, dtype: int = tensor_pb2.DTYPE_FLOAT32) -> tensor_pb2.TensorSpec:
    return tensor_pb2.TensorSpec(shape=shape, dtype=tensor_pb2.Dtype.ValueType(dtype))


def refusal(bad: tensor_pb2.Tensor, expected: ExpectedTensor | None = EXPECTED, **options: Any) -> WireError:
    with pytest.raises(WireError) as caught:
        unpack(bad, field="tensors[0]", expected=expected, **options)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    return caught.value


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtype", DTYPES.values())
def test_what_is_packed_is_unpacked(codec: int, dtype: torch.dtype) -> None:
    tensor = torch.linspace(-3, 3, 24).reshape(1, 4, 6).to(dtype)
    if not dtype.is_floating_point and codec not in (tensor_pb2.CODEC_FP32, tensor_pb2.CODEC_FP32_ZSTD):
        with pytest.raises(TypeError, match="integers are carried by fp32"):
            pack(tensor, codec)
        return
    result = unpack(pack(tensor, codec), field="t", expected=ExpectedTensor("t", (1, 4, 6), dtype))
    assert result.dtype == dtype
    assert torch.allclose(result.float(), tensor.float(), atol=0.03)


def test_the_message_and_the_packed_tensor_say_the_same() -> None:
    packed = pack_view(torch.ones(1, 2, 3), tensor_pb2.CODEC_INT8)
    assert torch.equal(unpack(packed, field="t"), unpack(packed.message(), field="t"))


def test_the_result_is_ones_own_unless_shared() -> None:
    frame = message()
    own, shared = (unpack(frame, field="t", share=share) for share in (False, True))
    own += 1
    assert shared.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert frame.payload == np.arange(6, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (message(spec=spec(1, 3, 2)), "spec.shape", r"expected \(1, 2, 3\) for features, got \(1, 3, 2\)"),
        (message(spec=spec(2, 2, 3)), "spec.shape", r"expected \(1, 2, 3\)"),
        (message(spec=spec()), "spec.shape", r"got \(\)"),
        (message(spec=spec(1, 2, 3, dtype=tensor_pb2.DTYPE_FLOAT16)), "spec.dtype", "expected torch.float32 for"),
        (message(spec=spec(1, 2, 3, dtype=0)), "spec.dtype", "expected one of torch.float32"),
        (message(spec=spec(1, 2, 3, dtype=77)), "spec.dtype", "got 77"),
        (message(codec=tensor_pb2.Codec.ValueType(0)), "codec", "expected one of fp32, .* got 0, which is no codec"),
        (message(codec=tensor_pb2.Codec.ValueType(55)), "codec", "got 55"),
        (message(payload=bytes(23)), "payload", "expected 24 bytes .* got 23"),
        (message(payload=b""), "payload", "got 0"),
        (message(codec=tensor_pb2.CODEC_FP32_ZSTD), "payload", "expected one zstd frame that holds 24 bytes"),
    ],
)
def test_bad_messages_are_refused_with_the_field_and_the_reason(
    bad: tensor_pb2.Tensor, field: str, reason: str
) -> None:
    error = refusal(bad)
    assert error.field == f"tensors[0].{field}"
    with pytest.raises(WireError, match=reason):
        raise error


def test_codecs_that_are_not_accepted_are_refused() -> None:
    error = refusal(message(), codecs=frozenset({tensor_pb2.CODEC_INT8, tensor_pb2.CODEC_FP16}))
    assert error.field == "tensors[0].codec"
    assert "expected one of fp16, int8, got fp32" in error.reason


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("codec", CODECS)
def test_numbers_that_are_not_finite_are_refused_in_every_codec(bad: float, codec: int) -> None:
    tensor = torch.zeros(1, 2, 3)
    tensor[0, 1, 2] = bad
    error = refusal(pack(tensor, codec))
    assert error.field == "tensors[0].payload"
    assert "NaN or infinite" in error.reason


def test_the_check_for_finite_numbers_can_be_left_out() -> None:
    assert unpack(pack(torch.full((2,), torch.nan), tensor_pb2.CODEC_FP32), field="t", finite=False).isnan().all()


@pytest.mark.parametrize("shape", [(-1, 4), (1,) * 9, (1 << 40, 1 << 40), (1 << 27,), (0, 1 << 62), (1 << 62, 0)])
def test_without_expectation_the_shape_is_bounded(shape: tuple[int, ...]) -> None:
    assert refusal(message(spec=spec(*shape)), expected=None).field == "tensors[0].spec.shape"


def test_other_dtypes_cannot_be_packed() -> None:
    with pytest.raises(TypeError, match=r"torch.complex64: expected one of torch.float32"):
        pack(torch.zeros(2, dtype=torch.complex64), tensor_pb2.CODEC_FP32)


def test_spec_of() -> None:
    assert spec_of((1, 2), torch.bfloat16) == spec(1, 2, dtype=tensor_pb2.DTYPE_BFLOAT16)


PAYLOAD = tensor_pb2.Tensor.PAYLOAD_FIELD_NUMBER


@given(value=st.integers(min_value=0, max_value=2**64 - 1))
def test_integers_are_what_protobuf_reads(value: int) -> None:
    field = varint_field(3, value)
    assert field == b"\x18" + varint(value)
    assert take(memoryview(field), PAYLOAD) == (field, [])


@given(payload=st.binary(max_size=300), shape=st.lists(st.integers(0, 2**40), max_size=4))
def test_a_joined_field_is_what_protobuf_reads(payload: bytes, shape: list[int]) -> None:
    head = tensor_pb2.Tensor(spec=tensor_pb2.TensorSpec(shape=shape), codec=tensor_pb2.CODEC_INT8)
    joined = b"".join([head.SerializeToString(), *bytes_field(PAYLOAD, payload[:5], payload[5:])])
    head.payload = payload
    assert tensor_pb2.Tensor.FromString(joined) == head


@given(payload=st.binary(max_size=300), shape=st.lists(st.integers(0, 2**40), max_size=4))
def test_a_field_that_protobuf_wrote_is_taken(payload: bytes, shape: list[int]) -> None:
    spec = tensor_pb2.TensorSpec(shape=shape)
    message = tensor_pb2.Tensor(spec=spec, codec=tensor_pb2.CODEC_INT8, payload=payload)
    rest, taken = take(memoryview(message.SerializeToString()), PAYLOAD)
    assert b"".join(taken) == payload
    assert tensor_pb2.Tensor.FromString(rest) == tensor_pb2.Tensor(spec=spec, codec=tensor_pb2.CODEC_INT8)


def test_unknown_fields_of_every_kind_are_left_in_the_rest() -> None:
    unknown = b"".join(
        [varint_field(100, 7), b"\xa9\x06" + bytes(8), *bytes_field(102, b"abc"), b"\xbd\x06" + bytes(4)]
    )
    rest, taken = take(memoryview(unknown + b"".join(bytes_field(PAYLOAD, b"xy")) + unknown), PAYLOAD)
    assert rest == unknown + unknown
    assert taken == [b"xy"]


@given(data=st.binary(max_size=64))
def test_whatever_protobuf_reads_is_read_and_garbage_is_malformed(data: bytes) -> None:
    try:
        rest, _ = take(memoryview(data), PAYLOAD)
    except MalformedError:
        if not any(byte & 7 in {3, 4} for byte in data):  # groups, which proto3 does not have
            with pytest.raises(DecodeError):
                tensor_pb2.Tensor.FromString(data)
        return
    assert len(rest) <= len(data)


@pytest.mark.parametrize("data", [b"\x7a\x05abc", b"\x7a", b"\xff" * 11, b"\x7b\x7c", b"\x09abc"])
def test_truncated_and_broken_messages_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        take(memoryview(data), PAYLOAD)
