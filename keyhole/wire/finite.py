"""The check for NaN and infinity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
