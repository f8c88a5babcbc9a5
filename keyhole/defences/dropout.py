"""Dropout: a random share of the values does not leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from keyhole.defences.defence import Defence, Features
from keyhole.defences.share import check_share, per_picture

_MOST = 0.999
_LEAST = 1e-9


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
        """Of the values that are left."""
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
    """Of frames×N×…, the value of largest magnitude at each place."""
    return frames.gather(0, frames.abs().argmax(0, keepdim=True))[0]
