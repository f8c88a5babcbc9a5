"""Sparsity: of each picture's values only the largest leave."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.defence import Defence, Features
from keyhole.defences.share import check_share, per_picture

_SMALL = 0.1


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
