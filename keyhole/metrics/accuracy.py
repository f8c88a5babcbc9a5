"""How often a classifier is right."""

from __future__ import annotations

from torch import Tensor


def top_k_accuracy(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """Share of samples whose class is among the k with the greatest scores.

    A tie counts against the classifier: equal scores for all classes are right never, not by the order of the classes.

    Args:
        scores: N×C, before or after softmax.
        labels: N integers in [0, C).
        k: 1 ≤ k ≤ C.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: shapes do not fit, a label or k is out of range, or a score is not finite.
    """
    if scores.dim() != 2 or scores.numel() == 0 or labels.shape != scores.shape[:1]:
        raise ValueError(f"N×C scores and N labels, not {tuple(scores.shape)} and {tuple(labels.shape)}")
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"k = {k} with {classes} classes")
    if labels.is_floating_point() or not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(f"labels are integers from 0 to {classes - 1}")
    if not scores.isfinite().all():
        raise ValueError("scores are not finite")
    own = scores.gather(1, labels[:, None].long())
    rank = (scores >= own).sum(dim=1)
    return float((rank <= k).double().mean())
