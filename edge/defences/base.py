"""What a defence is at run time."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Defence(Protocol):
    """Changes the features before they leave the edge. A frozen dataclass: its fields are its settings.

    The attacker may know the defence and its settings, never the generator's state.
    """

    def protect(self, features: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Protected features.

        Args:
            features: live tensors of the cut, N×… each.
            generator: source of all randomness.

        Returns:
            Tensors of the same shapes and types.
        """
        ...
