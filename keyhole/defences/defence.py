"""What a defence is at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

Features = tuple[Tensor, ...]
"""Live tensors of the cut, N×… each."""


class Defence(Protocol):
    """Changes the features before they leave the edge. Inherit from it as a frozen dataclass: its fields are settings.

    The attacker knows the defence and its settings, never the generator's state.
    """

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """Protected features.

        Args:
            features: live tensors of the cut, N×… each; each picture is protected by itself.
            generator: source of all randomness.

        Returns:
            Tensors of the same shapes and types.
        """
        ...

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """What is left to compare between a candidate's features and a frame for whoever knows the mechanism.

        A white box makes the squared difference of the two small in place of that of features and frame: what the
        defence has made meaningless is taken out of both, and what it has kept is not.

        Args:
            features: of candidate pictures, N×… each, unprotected; gradients flow through.
            observed: of the protected frames, in the same order.

        Returns:
            Both, in the shapes given.
        """
        ...

    def combine(self, frames: Sequence[Features]) -> Features:
        """What an attacker who knows the mechanism makes of several frames of a still scene: here their mean.

        Args:
            frames: one or more, each protected anew from the same features.

        Returns:
            As one frame.
        """
        return tuple(torch.stack(tensors).mean(0) for tensors in zip(*frames, strict=True))

    def after(self, frames: int) -> Defence:  # noqa: ARG002
        """The defence that combined frames look as if they came from; itself unless a defence says otherwise.

        Args:
            frames: how many were combined.
        """
        return self

    def unexplained(self, observed: Features) -> Tensor:
        """Share of a frame's energy that the true picture's features leave in the comparison, by expectation.

        Args:
            observed: of the protected frames, N×… each.

        Returns:
            The mean over the tensors, one number per picture; 0 unless a defence says otherwise.
        """
        return torch.zeros(len(observed[0]), device=observed[0].device)
