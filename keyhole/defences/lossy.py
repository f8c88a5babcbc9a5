"""Lossy defences: dropout, top-k sparsity, int8 quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from keyhole.defences.base import Defence, Features, check_share, per_picture
from keyhole.wire.codecs import Int8Codec

_MOST = 0.999  # share that dropout drops
_LEAST = 1e-9  # share that is still missing after many frames
_SMALL = 0.1  # weight of values that top-k left out
_CODEC = Int8Codec()


@dataclass(frozen=True)
class Dropout(Defence):
    """Sends zeros in place of values that are drawn anew for each frame.

    PATROL (§IV-A) says that outputs are "randomly dropped out", nothing of the values that are left: so they stay as
    they are, and ``rescale`` is there for models that were trained with dropout's usual factor.

    Attributes:
        share: probability that a value is dropped.
        rescale: the others are multiplied by 1/(1 − share), so that the mean stays.
    """

    share: float
    rescale: bool = False

    def __post_init__(self) -> None:
        check_share(self.share, most=_MOST)

    @property
    def factor(self) -> float:
        """Factor of the values that are left."""
        return 1 / (1 - self.share) if self.rescale else 1.0

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """``features`` under a fresh mask."""
        return tuple(
            torch.where(torch.rand(tensor.shape, generator=generator) < self.share, 0.0, tensor * self.factor).to(
                tensor.dtype
            )
            for tensor in features
        )

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Values that are left as they are; the others as far as they may have been zero in the head's own features.

        Were the features zero in a share q of the places, the frame would be in q + (1 − q)·share: that gives q, and
        the probability (1 − share)·q/zeros that a zero was not dropped, which is the weight of its square.
        """
        return tuple(map(self._likely, features, observed)), observed

    def combine(self, frames: Sequence[Features]) -> Features:
        """A value that any of the frames has is known; all that have it agree."""
        correction = self.after(len(frames)).factor / self.factor
        return tuple(_found(torch.stack(tensors)) * correction for tensors in zip(*frames, strict=True))

    def after(self, frames: int) -> Self:
        """A value is missing where every frame has dropped it."""
        return replace(self, share=max(self.share**frames, _LEAST))

    def _likely(self, tensor: Tensor, observed: Tensor) -> Tensor:
        zero = observed == 0
        zeros = zero.flatten(1).float().mean(1)
        undropped = ((zeros - self.share) / zeros.clamp_min(1e-12)).clamp_min(0)
        return torch.where(zero, tensor * per_picture(undropped.sqrt(), tensor), tensor * self.factor)


def _found(frames: Tensor) -> Tensor:
    """The value of largest magnitude at each place, over the first axis of frames×N×…."""
    return frames.gather(0, frames.abs().argmax(0, keepdim=True))[0]


@dataclass(frozen=True)
class TopK(Defence):
    """Keeps the values of largest magnitude of each tensor and picture, and sends zeros in place of the others.

    Attributes:
        share: of the values that are kept, 0 … 1; at least one is.
    """

    share: float

    def __post_init__(self) -> None:
        check_share(self.share)

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        """``features`` with exactly the share of their values that is kept."""
        return tuple(self._sparse(tensor) for tensor in features)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Kept values as they are; of the others a tenth, and all that exceeds the smallest that was kept.

        None of the others exceeded it, so that what does is wrong by that much. Below it any value may be true, but
        small ones are likelier, and without a word on them an optimiser that has matched the few values that were sent
        leaves the rest to its smoothness alone. Their tenths weigh a hundredth of a sent value's square: next to
        nothing is left of the true picture's.
        """
        return tuple(map(self._possible, features, observed)), observed

    def kept(self, numbers: int) -> int:
        """Values that are kept of so many."""
        return max(1, round(self.share * numbers))

    def _sparse(self, tensor: Tensor) -> Tensor:
        values = tensor.flatten(1)
        at = values.abs().topk(self.kept(values.shape[1]), dim=1).indices
        return torch.zeros_like(values).scatter(1, at, values.gather(1, at)).reshape(tensor.shape)

    def _possible(self, tensor: Tensor, observed: Tensor) -> Tensor:
        magnitudes = observed.flatten(1).abs()
        least = per_picture(magnitudes.topk(self.kept(magnitudes.shape[1]), dim=1).values[:, -1], observed)
        inside = torch.minimum(tensor.abs(), least)
        return torch.where(observed != 0, tensor, tensor.sign() * (_SMALL * inside + tensor.abs() - inside))


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
