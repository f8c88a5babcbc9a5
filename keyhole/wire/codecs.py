"""Tensors to bytes and back: one codec for each value of the proto's ``Codec``.

Numbers are little-endian, in C order. Every codec takes any shape: 0-d, empty and non-contiguous tensors too.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import zstandard
from torch import Tensor

from keyhole.service.errors import unknown_name
from keyhole.v1 import tensor_pb2
from keyhole.wire.finite import all_finite

Payload = bytes | bytearray | memoryview
_ZSTD_LEVEL = 1
warnings.filterwarnings("ignore", message="The given buffer is not writable")


class CodecError(ValueError):
    """A payload that does not decode; the message says what was expected."""


class Codec(ABC):
    """How the numbers of a tensor are packed into bytes."""

    def encode(self, tensor: Tensor) -> bytes:
        """The tensor (float32, float16 or bfloat16, any shape, any device) as bytes."""
        return bytes(self.view(tensor))

    @abstractmethod
    def view(self, tensor: Tensor) -> memoryview:
        """``encode``, in borrowed memory where the tensor already is the payload: leave the tensor alone until sent."""

    def decode(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """The tensor, in memory of its own.

        Raises:
            CodecError: the payload has the wrong length or is damaged.
        """
        return self.decode_view(bytearray(payload), shape, dtype)

    @abstractmethod
    def decode_view(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """``decode``, in the payload's memory where that already is the tensor: never write into it."""

    @abstractmethod
    def size(self, shape: Sequence[int]) -> int:
        """Bytes of payload for a shape, before zstd."""

    def _check_length(self, payload: Payload, shape: Sequence[int]) -> None:
        expected = self.size(shape)
        if len(payload) != expected:
            raise CodecError(f"expected {expected} bytes for shape {tuple(shape)}, got {len(payload)}")


def _memory(tensor: Tensor) -> memoryview:
    """The numbers as bytes in C order: the tensor's own memory where that is contiguous and the CPU's."""
    plain = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
    return np.ascontiguousarray(plain.numpy(force=True)).reshape(-1).view(np.uint8).data


def _numbers(payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """The payload's memory as a tensor, or a copy where that memory is not aligned to the numbers."""
    if not len(payload):
        return torch.empty(shape, dtype=dtype)
    tensor = torch.frombuffer(payload, dtype=dtype).view(shape)
    aligned = tensor.data_ptr() % dtype.itemsize == 0
    return tensor if aligned else _numbers(bytearray(payload), shape, dtype)


class Cast(Codec):
    """Each number as one floating-point number of the given type.

    Finite numbers beyond the type's range become its largest number, never infinity (float16: ±65504).
    """

    def __init__(self, number: torch.dtype) -> None:
        self._number = number
        self._largest = torch.finfo(number).max

    def view(self, tensor: Tensor) -> memoryview:
        """The numbers in C order; borrowed memory where the tensor has the codec's type and is contiguous."""
        if tensor.dtype is self._number:
            return _memory(tensor)
        source = tensor.detach().cpu().contiguous()
        numbers = source.to(self._number)
        if not all_finite(numbers):
            saturated = source.clamp(-self._largest, self._largest).to(self._number)
            numbers = torch.where(source.isfinite(), saturated, numbers)
        return _memory(numbers)

    def decode_view(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """See ``Codec.decode_view``."""
        self._check_length(payload, shape)
        numbers = _numbers(payload, shape, self._number)
        return numbers if dtype is self._number else numbers.to(dtype)

    def size(self, shape: Sequence[int]) -> int:
        """Two or four bytes a number."""
        return math.prod(shape) * self._number.itemsize


class Int8(Codec):
    """Symmetric 8-bit integers with one float32 scale for each channel (index of dimension 1).

    The payload holds the scales, then the integers in C order. ``number = integer × scale`` and
    ``scale = max|channel| / 127``, so that the error is at most half a scale. A tensor with fewer than two dimensions
    is one channel.
    """

    def view(self, tensor: Tensor) -> memoryview:
        """Scales and integers in one new buffer."""
        numbers = tensor.detach().cpu().to(torch.float32).contiguous()
        scales = self._scales(numbers)
        steps = torch.where(scales == 0, torch.ones_like(scales), scales)
        integers = (numbers / steps.view(self._broadcast(numbers.shape))).round_().clamp_(-127, 127).to(torch.int8)
        return _memory(torch.cat([scales.view(torch.uint8), integers.reshape(-1).view(torch.uint8)]))

    def decode_view(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """See ``Codec.decode_view``."""
        channels = self._channels(shape)
        self._check_length(payload, shape)
        view = memoryview(payload)
        scales = _numbers(view[: 4 * channels], (channels,), torch.float32)
        integers = _numbers(view[4 * channels :], shape, torch.int8)
        return (integers * scales.view(self._broadcast(shape))).to(dtype)

    def size(self, shape: Sequence[int]) -> int:
        """One byte a number and four a channel."""
        return math.prod(shape) + 4 * self._channels(shape)

    @staticmethod
    def _channels(shape: Sequence[int]) -> int:
        return shape[1] if len(shape) >= 2 else 1

    @staticmethod
    def _broadcast(shape: Sequence[int]) -> tuple[int, ...]:
        """The shape in which the scales multiply a tensor."""
        return (-1, *[1] * (len(shape) - 2)) if len(shape) >= 2 else (1,) * len(shape)

    def _scales(self, numbers: Tensor) -> Tensor:
        if not numbers.numel():
            return torch.zeros(self._channels(numbers.shape))
        others = [dim for dim in range(numbers.dim()) if dim != 1]
        peaks = numbers.abs().amax(others) if numbers.dim() >= 2 else numbers.abs().max().reshape(1)
        scales = peaks / 127
        overflows = (scales * 127).isinf() & peaks.isfinite()
        return torch.where(overflows, torch.nextafter(scales, torch.zeros(())), scales)


class Zstd(Codec):
    """Another codec's payload, compressed by Zstandard (RFC 8878) at level 1."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner

    def view(self, tensor: Tensor) -> memoryview:
        """The inner payload as one compressed frame that states its content size."""
        return memoryview(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(self._inner.view(tensor)))

    def decode_view(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """See ``Codec.decode_view``. Never takes more memory than the shape calls for, whatever the payload says."""
        size = self.size(shape)
        try:
            stated = zstandard.frame_content_size(payload)
            if stated not in {-1, size}:
                raise CodecError(f"expected {size} bytes after decompression for shape {tuple(shape)}, got {stated}")
            plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise CodecError(f"expected one zstd frame that holds {size} bytes: {error}") from error
        return self._inner.decode_view(plain, shape, dtype)

    def size(self, shape: Sequence[int]) -> int:
        """Bytes before compression."""
        return self._inner.size(shape)


_PLAIN: Mapping[str, Codec] = {
    "fp32": Cast(torch.float32),
    "fp16": Cast(torch.float16),
    "bf16": Cast(torch.bfloat16),
    "int8": Int8(),
}
_BY_NAME: Mapping[str, Codec] = {**_PLAIN, **{f"{name}+zstd": Zstd(codec) for name, codec in _PLAIN.items()}}


def _value(name: str) -> tensor_pb2.Codec.ValueType:
    return tensor_pb2.Codec.Value("CODEC_" + name.upper().replace("+", "_"))


_VALUES: Mapping[str, tensor_pb2.Codec.ValueType] = {name: _value(name) for name in _BY_NAME}
_NAMES: Mapping[int, str] = {value: name for name, value in _VALUES.items()}

CODECS: Mapping[int, Codec] = {_VALUES[name]: codec for name, codec in _BY_NAME.items()}
"""Codec by value of the proto's enum."""

CODEC_NAMES: tuple[str, ...] = tuple(_BY_NAME)
"""``fp32 fp16 bf16 int8`` and each with ``+zstd``."""

if _missing := set(tensor_pb2.Codec.values()) - {tensor_pb2.CODEC_UNSPECIFIED} - set(CODECS):
    raise RuntimeError(f"no codec for {[tensor_pb2.Codec.Name(value) for value in sorted(_missing)]}")


def codec_named(name: str) -> tensor_pb2.Codec.ValueType:
    """The enum's value for a name such as ``fp16`` or ``int8+zstd``.

    Raises:
        UsageError: no codec has that name; the message gives the nearest.
    """
    if name not in _VALUES:
        raise unknown_name("codec", name, _VALUES)
    return _VALUES[name]


def codec_name(codec: int) -> str:
    """The name of an enum value, as in ``codec_named``.

    Raises:
        UsageError: no codec has that value.
    """
    if codec not in _NAMES:
        raise unknown_name("codec", str(codec), [f"{value} ({name})" for value, name in _NAMES.items()])
    return _NAMES[codec]
