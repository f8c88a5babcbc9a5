"""The codec that keeps each number as an integer of eight bits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from keyhole.wire.arrays import cast, memory_of, not_finite, numbers_in
from keyhole.wire.codec import Codec, Payload
from keyhole.wire.finite import all_finite


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
