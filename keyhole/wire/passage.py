"""What is left of tensors at the other end of the wire."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from keyhole.wire.codecs import CODECS, codec_named


def carried(tensors: Sequence[Tensor], codec: str) -> tuple[Tensor, ...]:
    """Tensors packed and unpacked as frames do it: picture by picture, so that each has scales of its own.

    Args:
        tensors: N×… each.
        codec: its name, such as ``int8``.

    Returns:
        Tensors of the same shapes and types, in memory of their own.

    Raises:
        UsageError: no codec has that name.
    """
    packing = CODECS[codec_named(codec)]
    return tuple(
        torch.cat([packing.decode(packing.view(part), part.shape, part.dtype) for part in torch.split(tensor, 1)])
        for tensor in tensors
    )
