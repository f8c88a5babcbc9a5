"""One picture as the edge sees it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from keyhole.data.secrets import SecretLabels


@dataclass(frozen=True)
class Sample:
    """A picture and what is known of it.

    Attributes:
        picture: RGB in [0, 1], 3×size×size, every value n/255, so that a PNG holds it exactly.
        label: class or identity, where known.
        secrets: what else it gives away, where known and asked for; for the referee alone.
    """

    picture: Tensor
    label: str | None = None
    secrets: SecretLabels | None = None


def eight_bit(picture: Tensor) -> Tensor:
    """A uint8 picture as float32 in [0, 1]."""
    return picture.float() / 255
