"""Codecs that keep each number as a floating-point number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from keyhole.wire.arrays import cast, memory_of, numbers_in
from keyhole.wire.codec import Codec, Payload


class Cast(Codec):
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
