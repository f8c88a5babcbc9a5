"""Tensors and bytes that share memory, and numbers from one type to another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from keyhole.wire.codec import CodecError, Payload
from keyhole.wire.finite import all_finite, finite_bits

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
