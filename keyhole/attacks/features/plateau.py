"""When to stop: the features have come to match as well as they will."""

from __future__ import annotations

import torch
from torch import Tensor

TOLERANCE = 0.01
"""Share by which a distance must fall to count as better."""


class Plateau:
    """Tells when no picture has come nearer for a while.

    Args:
        patience: calls without a better distance; None: never.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._best: Tensor | None = None
        self._waited: Tensor | None = None

    def __call__(self, distances: Tensor) -> bool:
        """Whether every picture has waited long enough; ``distances`` are positive, one for each."""
        if self._patience is None:
            return False
        if self._best is None or self._waited is None:
            self._best, self._waited = distances, torch.zeros_like(distances)
            return False
        better = distances < (1 - TOLERANCE) * self._best
        self._best = torch.where(better, distances, self._best)
        self._waited = torch.where(better, 0.0, self._waited + 1)
        return bool((self._waited >= self._patience).all())
