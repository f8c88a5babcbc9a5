"""The codec that compresses another's payload."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import zstandard
from torch import Tensor

from keyhole.wire.codec import Codec, CodecError, Payload

_LEVEL = 1


class Zstd(Codec):
    """Another codec's payload, compressed by Zstandard (RFC 8878) at level 1."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner

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
