"""Tensors in messages, and as much of protobuf's wire format as moves payloads without copies.

A protobuf message is the concatenation of its fields. A large ``bytes`` field can therefore be joined to the others,
which the protobuf library serialised, and found again in the bytes received
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from keyhole.v1 import tensor_pb2
from keyhole.wire.codec_registry import CODECS, codec_name
from keyhole.wire.codecs import CodecError, Payload
from keyhole.wire.errors import invalid
from keyhole.wire.limits import MAX_ELEMENTS, MAX_RANK

DTYPES: Mapping[int, torch.dtype] = {
    tensor_pb2.DTYPE_FLOAT32: torch.float32,
    tensor_pb2.DTYPE_FLOAT16: torch.float16,
    tensor_pb2.DTYPE_BFLOAT16: torch.bfloat16,
    tensor_pb2.DTYPE_FLOAT64: torch.float64,
    tensor_pb2.DTYPE_INT64: torch.int64,
    tensor_pb2.DTYPE_INT32: torch.int32,
    tensor_pb2.DTYPE_UINT8: torch.uint8,
    tensor_pb2.DTYPE_BOOL: torch.bool,
}
_VALUES: Mapping[torch.dtype, int] = {dtype: value for value, dtype in DTYPES.items()}
_FOR_INTEGERS = (tensor_pb2.CODEC_FP32, tensor_pb2.CODEC_FP32_ZSTD)


@dataclass(frozen=True)
class ExpectedTensor:
    """What a receiver expects.

    Attributes:
        name: what the tensor is, for messages.
        shape: every dimension, the batch included; a length of -1 may be any.
        dtype: type after decoding.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class PackedTensor:
    """A ``tensor_pb2.Tensor`` whose payload is not copied: it is memory of what was packed, or of what was received.

    Attributes:
        shape: every dimension, as stated.
        dtype: value of the proto's ``Dtype``, as stated.
        codec: value of the proto's ``Codec``, as stated.
        payload: the encoded numbers.
    """

    shape: tuple[int, ...]
    dtype: int
    codec: int
    payload: Payload

    def head(self) -> tensor_pb2.Tensor:
        """The message of the proto without the payload."""
        dtype, codec = tensor_pb2.Dtype.ValueType(self.dtype), tensor_pb2.Codec.ValueType(self.codec)
        return tensor_pb2.Tensor(spec=tensor_pb2.TensorSpec(shape=self.shape, dtype=dtype), codec=codec)

    def message(self) -> tensor_pb2.Tensor:
        """The message of the proto; copies the payload."""
        message = self.head()
        message.payload = bytes(self.payload)
        return message

    @classmethod
    def of(cls, message: tensor_pb2.Tensor, payload: Payload) -> PackedTensor:
        """A message's tensor with the payload that belongs to it."""
        return cls(tuple(message.spec.shape), message.spec.dtype, message.codec, payload)


AnyTensor = tensor_pb2.Tensor | PackedTensor


def spec_of(shape: Sequence[int], dtype: torch.dtype) -> tensor_pb2.TensorSpec:
    """Shape and dtype as a message.

    Raises:
        TypeError: the wire does not carry tensors of that dtype.
    """
    return tensor_pb2.TensorSpec(shape=shape, dtype=tensor_pb2.Dtype.ValueType(_dtype_value(dtype)))


def pack(tensor: Tensor, codec: int) -> tensor_pb2.Tensor:
    """The tensor as a message of its own.

    Args:
        tensor: any shape, any device.
        codec: value of the proto's enum.

    Raises:
        TypeError: the wire does not carry tensors of that type, or not by that codec: integers need fp32, which keeps
            them up to 2^24.
    """
    return pack_view(tensor, codec).message()


def pack_view(tensor: Tensor, codec: int) -> PackedTensor:
    """``pack`` without copies: leave the tensor alone until the message is sent."""
    value = _dtype_value(tensor.dtype)
    if not tensor.is_floating_point() and codec not in _FOR_INTEGERS:
        raise TypeError(f"tensor of {tensor.dtype} by {codec_name(codec)}: integers are carried by fp32")
    return PackedTensor(tuple(tensor.shape), value, codec, CODECS[codec].view(tensor))


def unpack(
    message: AnyTensor,
    *,
    field: str,
    expected: ExpectedTensor | None = None,
    codecs: Collection[int] = tuple(CODECS),
    share: bool = False,
    finite: bool = True,
) -> Tensor:
    """The tensor of a message, checked: its shape, dtype, codec, length of payload, and that its numbers are finite.

    Args:
        message: what came.
        field: its path in the request, for the error.
        expected: shape and dtype that it must have; without it any tensor up to ``MAX_ELEMENTS`` elements.
        codecs: codecs accepted.
        share: leave the numbers in the message's memory where that can be; nothing may write into the tensor.
        finite: refuse NaN and infinity.

    Returns:
        A CPU tensor, in memory of its own unless shared.

    Raises:
        WireError: INVALID_ARGUMENT, with the field and what was expected.
    """
    packed = message if isinstance(message, PackedTensor) else PackedTensor.of(message, message.payload)
    _check_shape(packed.shape, field, expected)
    dtype = _checked_dtype(packed.dtype, field, expected)
    if packed.codec not in codecs or packed.codec not in CODECS:
        names = ", ".join(codec_name(codec) for codec in codecs)
        got = codec_name(packed.codec) if packed.codec in CODECS else f"{packed.codec}, which is no codec"
        raise invalid(f"{field}.codec", f"expected one of {names}, got {got}")
    codec = CODECS[packed.codec]
    try:
        decode = codec.decode_view if share else codec.decode
        return decode(packed.payload, packed.shape, dtype, finite=finite)
    except CodecError as error:
        raise invalid(f"{field}.payload", str(error)) from error


def unpack_all(messages: Sequence[AnyTensor], *, field: str, expected: Sequence[ExpectedTensor]) -> tuple[Tensor, ...]:
    """``unpack`` of each.

    Raises:
        WireError: as `unpack`, or their number is another.
    """
    if len(messages) != len(expected):
        names = ", ".join(each.name for each in expected)
        raise invalid(field, f"expected {len(expected)} ({names}), got {len(messages)}")
    return tuple(
        unpack(message, field=f"{field}[{place}]", expected=each)
        for place, (message, each) in enumerate(zip(messages, expected, strict=True))
    )


def _dtype_value(dtype: torch.dtype) -> int:
    if dtype not in _VALUES:
        raise TypeError(f"tensor of {dtype}: expected one of {', '.join(map(str, _VALUES))}; convert it first")
    return _VALUES[dtype]


def _check_shape(shape: tuple[int, ...], field: str, expected: ExpectedTensor | None) -> None:
    if expected:
        pairs = zip(expected.shape, shape, strict=False)
        if len(shape) != len(expected.shape) or any(wanted not in (got, -1) for wanted, got in pairs):
            raise invalid(f"{field}.spec.shape", f"expected {expected.shape} for {expected.name}, got {shape}")
        if -1 not in expected.shape:
            return
    if len(shape) > MAX_RANK or any(side < 0 for side in shape):
        raise invalid(f"{field}.spec.shape", f"expected up to {MAX_RANK} sides of 0 or more, got {shape}")
    if math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
        raise invalid(f"{field}.spec.shape", f"expected up to {MAX_ELEMENTS} elements, got {shape}")


def _checked_dtype(value: int, field: str, expected: ExpectedTensor | None) -> torch.dtype:
    dtype = DTYPES.get(value)
    if dtype is None:
        raise invalid(f"{field}.spec.dtype", f"expected one of {', '.join(map(str, _VALUES))}, got {value}")
    if expected and dtype != expected.dtype:
        raise invalid(f"{field}.spec.dtype", f"expected {expected.dtype} for {expected.name}, got {dtype}")
    return dtype


_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}
_MAX_SHIFT = 63


class MalformedError(ValueError):
    """Bytes that are no protobuf message."""


@lru_cache
def varint(value: int) -> bytes:
    """A non-negative integer in base 128, least significant group first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def tag(number: int) -> bytes:
    """What a length-delimited field begins with, before its length."""
    return varint(number << 3 | _BYTES)


def bytes_field(number: int, *parts: Payload) -> list[Payload]:
    """A length-delimited field whose content is the parts joined."""
    return [tag(number) + varint(sum(map(len, parts))), *parts]


def varint_field(number: int, value: int) -> bytes:
    """An integer field."""
    return varint(number << 3 | _VARINT) + varint(value)


def take(data: memoryview, number: int) -> tuple[bytes, list[memoryview]]:
    """Take one length-delimited field out of a message.

    Returns:
        The rest of the message, for the protobuf library to parse, and each occurrence's content, as views.

    Raises:
        MalformedError: the bytes are no message.
    """
    rest: list[memoryview] = []
    taken: list[memoryview] = []
    wanted = number << 3 | _BYTES
    at, end = 0, len(data)
    try:
        while at < end:
            start = at
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = _read(data, start)
            if key & 7 == _BYTES:
                length = data[at]
                content = at + 1
                if length > 0x7F:
                    length, content = _read(data, at)
                at = content + length
            else:
                content, at = at, _skip(data, at, key & 7)
            if at > end:
                raise MalformedError(f"the field at byte {start} ends at byte {at} of {end}")
            if key == wanted:
                taken.append(data[content:at])
            else:
                rest.append(data[start:at])
    except IndexError as error:
        raise MalformedError(f"the message ends within the field at byte {start}") from error
    return b"".join(rest), taken


def _skip(data: memoryview, at: int, kind: int) -> int:
    """The position after a field that is not length-delimited, from that after its key."""
    if kind == _VARINT:
        return _read(data, at)[1]
    if kind in _FIXED_SIZE:
        return at + _FIXED_SIZE[kind]
    raise MalformedError(f"wire type {kind} before byte {at}")


def _read(data: memoryview, at: int) -> tuple[int, int]:
    """An integer of one to ten bytes, and the position after it."""
    value = shift = 0
    while (group := data[at]) > 0x7F:
        value |= (group & 0x7F) << shift
        shift += 7
        at += 1
        if shift > _MAX_SHIFT:
            raise MalformedError(f"an integer of more than ten bytes before byte {at}")
    return value | group << shift, at + 1
