"""What every codec does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

Payload = bytes | bytearray | memoryview


class CodecError(ValueError):
    """A payload that does not decode; the message says what was expected."""


class Codec(ABC):
    """How the numbers of a tensor are packed into bytes."""

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
