"""Codecs: tensors to bytes and back.

Numbers are little-endian, in C order. Every codec takes any shape: 0-d, empty and non-contiguous tensors too.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import zstandard
from torch import Tensor

Payload = bytes | bytearray | memoryview
_LEVEL = 1  # of Zstandard


class CodecError(ValueError):
    """A payload that does not decode; the message says what was expected."""


class Codec(ABC):
    """How the numbers of a tensor are packed into bytes.

    Attributes:
        together: whether pictures packed in one tensor, along its first dimension, come out as if each were packed
            alone.
    """

    together: bool = True

    def encode(self, tensor: Tensor) -> bytes:
        """The tensor (any type, shape and device) as bytes."""
        return bytes(self.view(tensor))

    @abstractmethod
    def view(self, tensor: Tensor) -> memoryview:
        """``encode``, in borrowed memory where the tensor already is the payload: leave the tensor alone until sent."""

    def decode(self, payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False) -> Tensor:
        """The tensor, in memory of its own.

        Args:
            payload: what ``encode`` made.
            shape: of the tensor.
            dtype: of the tensor.
            finite: refuse NaN and infinity.

        Raises:
            CodecError: the payload has the wrong length or is damaged.
        """
        return self.decode_view(bytearray(payload), shape, dtype, finite=finite)

    @abstractmethod
    def decode_view(
        self, payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False
    ) -> Tensor:
        """``decode``, in the payload's memory where that already is the tensor: never write into it."""

    @abstractmethod
    def size(self, shape: Sequence[int]) -> int:
        """Bytes of payload for a shape, before zstd."""

    def _check_length(self, payload: Payload, shape: Sequence[int]) -> None:
        expected = self.size(shape)
        if len(payload) != expected:
            raise CodecError(f"expected {expected} bytes for shape {tuple(shape)}, got {len(payload)}")


class FloatCodec(Codec):
    """Each number as one floating-point number of the given type.

    Finite numbers beyond the type's range become its largest number, never infinity (float16: ±65504). Infinities and
    NaN stay what they are, for the receiver to refuse.
    """

    def __init__(self, number: torch.dtype) -> None:
        self._number = number

    def view(self, tensor: Tensor) -> memoryview:
        """The numbers in C order; borrowed memory where the tensor has the codec's type and is contiguous."""
        if tensor.dtype is not self._number:
            tensor = cast(tensor.detach().cpu().contiguous(), self._number)
        return memory_of(tensor)

    def decode_view(
        self, payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False
    ) -> Tensor:
        """See ``Codec.decode_view``."""
        self._check_length(payload, shape)
        return cast(numbers_in(payload, shape, self._number, finite=finite), dtype)

    def size(self, shape: Sequence[int]) -> int:
        """Two or four bytes a number."""
        return math.prod(shape) * self._number.itemsize


class Int8Codec(Codec):
    """Symmetric 8-bit integers with one float32 scale for each channel (index of dimension 1).

    The payload holds the scales, then the integers in C order. ``number = integer × scale`` and
    ``scale = max|channel| / 127``, so that the error is at most half a scale. A tensor with fewer than two dimensions
    is one channel.
    """

    together = False

    def view(self, tensor: Tensor) -> memoryview:
        """Scales and integers in one new buffer."""
        numbers = tensor.detach().cpu().to(torch.float32).contiguous()
        scales = self._scales(numbers)
        steps = torch.where(scales == 0, torch.ones_like(scales), scales)
        integers = (numbers / steps.view(self._broadcast(numbers.shape))).round_().clamp_(-127, 127).to(torch.int8)
        return memory_of(torch.cat([scales.view(torch.uint8), integers.reshape(-1).view(torch.uint8)]))

    def decode_view(
        self, payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False
    ) -> Tensor:
        """See ``Codec.decode_view``."""
        channels = self._channels(shape)
        self._check_length(payload, shape)
        view = memoryview(payload)
        scales = numbers_in(view[: 4 * channels], (channels,), torch.float32)
        integers = numbers_in(view[4 * channels :], shape, torch.int8)
        numbers = integers * scales.view(self._broadcast(shape))
        if finite and not all_finite(numbers):
            raise not_finite(numbers)
        return cast(numbers, dtype)

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


class ZstdCodec(Codec):
    """Another codec's payload, compressed by Zstandard (RFC 8878) at level 1."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner
        self.together = inner.together

    def view(self, tensor: Tensor) -> memoryview:
        """The inner payload as one compressed frame that states its content size."""
        return memoryview(zstandard.ZstdCompressor(level=_LEVEL).compress(self._inner.view(tensor)))

    def decode_view(
        self, payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False
    ) -> Tensor:
        """See ``Codec.decode_view``. Never takes more memory than the shape calls for, whatever the payload says."""
        size = self.size(shape)
        try:
            stated = zstandard.frame_content_size(payload)
            if stated not in {-1, size}:
                raise CodecError(f"expected {size} bytes after decompression for shape {tuple(shape)}, got {stated}")
            plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise CodecError(f"expected one zstd frame that holds {size} bytes: {error}") from error
        return self._inner.decode_view(plain, shape, dtype, finite=finite)

    def size(self, shape: Sequence[int]) -> int:
        """Bytes before compression."""
        return self._inner.size(shape)


with warnings.catch_warnings():  # torch warns of read-only buffers, which shared payloads are, once in a process: here
    warnings.simplefilter("ignore")
    torch.from_numpy(np.frombuffer(b"\0", np.uint8))

_NUMPY: Mapping[torch.dtype, type[np.generic]] = {
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: np.int16,
    torch.int8: np.int8,
}
"""NumPy's type of the same width; bfloat16, which NumPy lacks, by its bits."""


def memory_of(tensor: Tensor) -> memoryview:
    """The numbers as bytes in C order: the tensor's own memory where that is contiguous and the CPU's."""
    plain = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
    return np.ascontiguousarray(plain.numpy(force=True)).reshape(-1).view(np.uint8).data


def numbers_in(payload: Payload, shape: Sequence[int], dtype: torch.dtype, *, finite: bool = False) -> Tensor:
    """The payload's memory as a tensor, or a copy where that memory is not aligned to the numbers."""
    array = np.frombuffer(payload, _NUMPY[dtype])
    if not array.flags.aligned:
        array = array.copy()
    plain = torch.from_numpy(array.reshape(shape))
    tensor = plain.view(dtype) if dtype is torch.bfloat16 else plain
    if finite and not finite_bits(array, dtype):
        raise not_finite(tensor)
    return tensor


def not_finite(tensor: Tensor) -> CodecError:
    """The error for a tensor with NaN or infinity."""
    bad = int((~tensor.isfinite()).sum())
    return CodecError(f"expected finite numbers, got {bad} of {tensor.numel()} NaN or infinite")


def cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A contiguous CPU tensor in another type; finite numbers beyond its range become its largest, never infinity."""
    if tensor.dtype is dtype:
        return tensor
    numbers, largest = tensor.to(dtype), _largest(dtype)
    if largest >= _largest(tensor.dtype) or not dtype.is_floating_point or all_finite(numbers):
        return numbers
    saturated = tensor.double().clamp(-largest, largest).to(dtype)
    return torch.where(tensor.isfinite(), saturated, numbers)


def _largest(dtype: torch.dtype) -> float:
    if dtype is torch.bool:
        return 1
    return torch.finfo(dtype).max if dtype.is_floating_point else torch.iinfo(dtype).max


_BLOCK = 1 << 18
_BITS: Mapping[torch.dtype, tuple[type[np.integer[Any]], type[np.integer[Any]], int]] = {
    torch.float32: (np.int32, np.uint32, 0x7F80_0000),
    torch.float16: (np.int16, np.uint16, 0x7C00),
    torch.bfloat16: (np.int16, np.uint16, 0x7F80),
}
"""By type: the integers of the same width, signed and unsigned, and the bits of positive infinity."""


def all_finite(tensor: Tensor) -> bool:
    """Whether no number of a contiguous CPU tensor (float32, float16 or bfloat16) is NaN or infinite."""
    plain = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor
    return finite_bits(plain.numpy(), tensor.dtype)


def finite_bits(array: np.ndarray[Any, Any], dtype: torch.dtype) -> bool:
    """Whether none of the numbers of type ``dtype``, whose bits a contiguous array holds, is NaN or infinite.

    Infinities and NaNs have every bit of the exponent set, so that as integers they are the largest: the positive ones
    of the signed integers, the negative ones of the unsigned. Two maxima of integers are one thread's work and faster
    than a sum, let alone ``torch.isfinite``.
    """
    signed_type, unsigned_type, infinity = _BITS[dtype]
    flat = array.reshape(-1)
    signed, unsigned = flat.view(signed_type), flat.view(unsigned_type)
    negative_infinity = infinity | 1 << (8 * dtype.itemsize - 1)
    return all(
        np.maximum.reduce(signed[at : at + _BLOCK]) < infinity
        and np.maximum.reduce(unsigned[at : at + _BLOCK]) < negative_infinity
        for at in range(0, signed.size, _BLOCK)
    )
