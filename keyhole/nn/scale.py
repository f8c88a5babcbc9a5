"""By what channels are divided, so that all are alike to a network."""

from __future__ import annotations

import torch
from torch import Tensor


def scales(deviations: Tensor, least: float = 0.01) -> Tensor:
    """Each channel's deviation, and the usual one of all in place of those far below it.

    What is silent in typical pictures may speak in others: a filter sends a channel once in a thousand frames. Divided
    by a deviation of next to nothing, that frame outweighs all that a network has learned.

    Args:
        deviations: of channels, over typical pictures.
        least: share of the root of their mean square below which a channel counts as silent.
    """
    usual = deviations.square().mean().sqrt().clamp_min(1e-6)
    return torch.where(deviations < least * usual, usual, deviations)
