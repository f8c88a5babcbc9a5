"""The protected head: from a picture to the features that leave the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keyhole.defences import Defence
from keyhole.partition.plan import as_tuple


@dataclass(frozen=True, eq=False)
class ProtectedHead:
    """Normalisation, head and defence: all that happens to a picture before its features leave.

    Attributes:
        head: N×C×H×W, normalised, to the features of the cut: a tensor or a tuple of several.
        normalise: RGB pictures in [0, 1] to the head's input.
        defence: applied to every feature tensor.
        generator: the defence's random numbers.
    """

    head: nn.Module
    normalise: Callable[[Tensor], Tensor]
    defence: Defence
    generator: torch.Generator

    def __call__(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×H×W: the live tensors of the cut, N×… each."""
        return self.protect(self.features(pictures))

    def features(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Features as the head makes them; they must not leave the device."""
        return features_of(self.head, self.normalise, pictures)

    def protect(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The part of the features that the defence lets out."""
        return self.defence.protect(features, self.generator)


def features_of(
    head: Callable[[Tensor], Tensor | tuple[Tensor, ...]], normalise: Callable[[Tensor], Tensor], pictures: Tensor
) -> tuple[Tensor, ...]:
    """Unprotected features of RGB pictures in [0, 1], N×3×H×W: the live tensors of the cut, N×… each."""
    return as_tuple(head(normalise(pictures)))
