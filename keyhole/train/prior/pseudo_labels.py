"""Pseudo-labels of public pictures: those that the target takes for each class most (PLG-MI, Diff-MI §III-B.1)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from keyhole.attacks.classes.base import ClassWhiteBox

LikedBy = Literal["softmax", "logit"]


def pseudo_labels(known: ClassWhiteBox, count: int, by: LikedBy = "softmax") -> Tensor:
    """Top-n selection: M×2 places in the public pictures and their labels, class by class, the best first.

    A picture may serve several classes. The papers sort by the logit of the class, their code by its probability.

    Args:
        known: the target and the public pictures.
        count: n, pictures of each class; fewer where there are fewer.
        by: what is sorted.
    """
    return torch.cat(
        [
            torch.stack([places, torch.full_like(places, label)], dim=1)
            for label in range(known.classes)
            for places in [_liked(known, label, count, by)]
        ]
    )


def _liked(known: ClassWhiteBox, label: int, count: int, by: LikedBy) -> Tensor:
    if by == "softmax":
        return known.best_liked(label, count)
    return known.public_answers.logits[:, label].argsort(descending=True, stable=True)[:count]


def first_of_each(pairs: Tensor) -> Tensor:
    """Place of the best-liked public picture of each class, of what `pseudo_labels` found."""
    counts = pairs[:, 1].bincount()
    return pairs[counts.cumsum(0) - counts, 0]
