"""No defence: the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoDefence:
    """Lets the features through."""

    def protect(self, features: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:  # noqa: ARG002
        """``features`` as they are."""
        return features
