"""Cross-entropy with smoothed labels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, weight: float) -> Tensor:
    """Mean of (1 − a)·(−log p_y) + a·mean_k(−log p_k), a scalar.

    torch's own takes no a below 0.

    Args:
        logits: N×classes.
        labels: N integers.
        weight: a.
    """
    own = F.cross_entropy(logits, labels)
    return (1 - weight) * own - weight * F.log_softmax(logits, 1).mean() if weight else own
