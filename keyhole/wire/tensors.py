"""Tensors in messages."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keyhole.v1 import tensor_pb2
from keyhole.wire.codecs import CODECS, CodecError, Payload, codec_name
from keyhole.wire.errors import invalid
from keyhole.wire.finite import all_finite
from keyhole.wire.limits import MAX_ELEMENTS, MAX_RANK

DTYPES: Mapping[int, torch.dtype] = {
    tensor_pb2.DTYPE_FLOAT32: torch.float32,
    tensor_pb2.DTYPE_FLOAT16: torch.float16,
    tensor_pb2.DTYPE_BFLOAT16: torch.bfloat16,
}
_DTYPE_VALUES: Mapping[torch.dtype, Any] = {dtype: value for value, dtype in DTYPES.items()}


@dataclass(frozen=True)
class ExpectedTensor:
    """What a receiver expects.

    Attributes:
        name: what the tensor is, for messages.
        shape: every dimension, the batch included.
        dtype: type after decoding.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    def with_batch(self, batch: int) -> ExpectedTensor:
        """The same with another first dimension."""
        return ExpectedTensor(self.name, (batch, *self.shape[1:]), self.dtype)


@dataclass(frozen=True)
class PackedTensor:
    """A ``tensor_pb2.Tensor`` whose payload is held beside the message, so that it is never copied in Python.

    The payload may be borrowed from the tensor that was packed, or from the message that was received.
    """

    spec: tensor_pb2.TensorSpec
    codec: int
    payload: Payload

    def message(self) -> tensor_pb2.Tensor:
        """The message of the proto; copies the payload."""
        return tensor_pb2.Tensor(spec=self.spec, codec=codec_value(self.codec), payload=bytes(self.payload))


AnyTensor = tensor_pb2.Tensor | PackedTensor


def codec_value(codec: int) -> Any:
    """A number as a value of the proto's open enum, known or not."""
    return codec


def spec_of(shape: Sequence[int], dtype: torch.dtype) -> tensor_pb2.TensorSpec:
    """Shape and dtype as a message.

    Raises:
        TypeError: the wire does not carry tensors of that dtype.
    """
    if dtype not in _DTYPE_VALUES:
        raise TypeError(f"tensor of {dtype}: expected one of {', '.join(map(str, _DTYPE_VALUES))}; convert it first")
    return tensor_pb2.TensorSpec(shape=shape, dtype=_DTYPE_VALUES[dtype])


def pack(tensor: Tensor, codec: int) -> tensor_pb2.Tensor:
    """The tensor as a message of its own.

    Args:
        tensor: float32, float16 or bfloat16, any shape, any device.
        codec: value of the proto's enum.
    """
    return pack_view(tensor, codec).message()


def pack_view(tensor: Tensor, codec: int) -> PackedTensor:
    """``pack`` without copies: leave the tensor alone until the message is sent."""
    return PackedTensor(spec_of(tensor.shape, tensor.dtype), codec, CODECS[codec].view(tensor))


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
    shape = _checked_shape(message.spec, field, expected)
    dtype = _checked_dtype(message.spec, field, expected)
    if message.codec not in codecs or message.codec not in CODECS:
        names = ", ".join(codec_name(codec) for codec in codecs)
        raise invalid(f"{field}.codec", f"expected one of {names}, got {_codec_text(message.codec)}")
    try:
        codec = CODECS[message.codec]
        tensor = (codec.decode_view if share else codec.decode)(message.payload, shape, dtype)
    except CodecError as error:
        raise invalid(f"{field}.payload", str(error)) from error
    if finite and not all_finite(tensor):
        bad = int((~tensor.isfinite()).sum())
        raise invalid(f"{field}.payload", f"expected finite numbers, got {bad} of {tensor.numel()} NaN or infinite")
    return tensor


def _checked_shape(spec: tensor_pb2.TensorSpec, field: str, expected: ExpectedTensor | None) -> tuple[int, ...]:
    shape = tuple(spec.shape)
    if expected:
        if shape != expected.shape:
            raise invalid(f"{field}.spec.shape", f"expected {expected.shape} for {expected.name}, got {shape}")
        return shape
    if len(shape) > MAX_RANK or any(side < 0 for side in shape):
        raise invalid(f"{field}.spec.shape", f"expected up to {MAX_RANK} sides of 0 or more, got {shape}")
    if math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
        raise invalid(f"{field}.spec.shape", f"expected up to {MAX_ELEMENTS} elements, got {shape}")
    return shape


def _checked_dtype(spec: tensor_pb2.TensorSpec, field: str, expected: ExpectedTensor | None) -> torch.dtype:
    dtype = DTYPES.get(spec.dtype)
    if dtype is None:
        raise invalid(
            f"{field}.spec.dtype", f"expected one of {', '.join(map(str, DTYPES.values()))}, got {spec.dtype}"
        )
    if expected and dtype != expected.dtype:
        raise invalid(f"{field}.spec.dtype", f"expected {expected.dtype} for {expected.name}, got {dtype}")
    return dtype


def _codec_text(codec: int) -> str:
    return codec_name(codec) if codec in CODECS else f"{codec}, which is no codec"
