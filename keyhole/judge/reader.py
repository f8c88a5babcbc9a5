"""What a judge can be asked."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Reader(Protocol):
    """What reads secrets. Pictures are RGB in [0, 1], N×3×H×W; places are in their pixels."""

    def embed(self, pictures: Tensor) -> Tensor:
        """Embeddings, N×D, near to one another in cosine where the vehicle is the same."""

    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        """The glyphs of N plates whose corners are N×4×2: upper left, upper right, lower right, lower left."""

    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """Attributes of N drivers whose heads are at N×4: left, top, right, bottom."""

    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """Whether someone sits in N passengers' places, whose heads are, or would be, at N×4."""
