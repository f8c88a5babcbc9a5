"""The interface of defences at run time, the baseline without one, and what all of them share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from keyhole.service.errors import UsageError

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


@dataclass(frozen=True)
class NoDefence(Defence):
    """Lets the features through."""

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        """``features`` as they are."""
        return features

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Both unchanged."""
        return features, observed


UNPROTECTED = NoDefence()


@dataclass(frozen=True)
class SeveralLooks(Defence):
    """What is left of a defence where an attacker gets several noisy looks at one picture and combines them.

    Each look, a frame of a scene that stands still, has fresh noise, which whoever sees them all can average out.
    Frames of a scene that moves are another matter: their pictures differ.

    Attributes:
        defence: of each look.
        looks: at a picture.
        known: the defence as far as the attacker knows it, who combines accordingly.
    """

    defence: Defence
    looks: int
    known: Defence

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """Protect so many times and combine."""
        return self.known.combine([self.defence.protect(features, generator) for _ in range(self.looks)])

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """As for one look at what the known defence becomes."""
        return self.known.after(self.looks).comparable(features, observed)

    def unexplained(self, observed: Features) -> Tensor:
        """Likewise."""
        return self.known.after(self.looks).unexplained(observed)


def randomness(seed: int, role: str) -> torch.Generator:
    """A generator of the role's own: with the same seed, edge and oracle draw different numbers.

    Otherwise the oracle's answers would tell the noise of the edge's frames.
    """
    digest = hashlib.sha256(f"{seed} {role}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def check_share(share: float, *, most: float = 1.0) -> None:
    """Refuse a share that is none.

    Raises:
        UsageError: it is not above 0 and at most ``most``.
    """
    if not 0 < share <= most:
        raise UsageError(f"share={share}: expected more than 0 and at most {most:g}")


def per_picture(numbers: Tensor, like: Tensor) -> Tensor:
    """One number for each picture, N, in the shape that multiplies ``like``, N×…."""
    return numbers.reshape(-1, *[1] * (like.dim() - 1))
