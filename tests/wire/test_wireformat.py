from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from keyhole.v1 import tensor_pb2
from keyhole.wire.wireformat import MalformedError, bytes_field, take, varint, varint_field

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
