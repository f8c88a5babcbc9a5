"""Quantisation: each value leaves as one of 255 levels of its channel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.defence import Defence, Features
from keyhole.wire.codecs import Int8Codec

_CODEC = Int8Codec()


@dataclass(frozen=True)
class Int8(Defence):
    """What the codec int8 loses, as a defence: at most half a step of max|channel|/127, of each picture by itself."""

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        """``features`` at the codec's levels."""
        return tuple(torch.cat([_quantised(picture) for picture in tensor.unsqueeze(1)]) for tensor in features)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Both as they are: to a gradient, rounding is the identity (straight-through)."""
        return features, observed


def _quantised(tensor: Tensor) -> Tensor:
    return _CODEC.decode_view(_CODEC.view(tensor), tensor.shape, tensor.dtype)
