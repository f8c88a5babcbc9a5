"""Which pairs of a replay the next training step takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

Order = Callable[[int], list[int]]
"""Indices of the next batch, from the number of pairs that there are."""


def at_random(batch: int, random: torch.Generator) -> Order:
    """Any pairs, with replacement."""
    return lambda pairs: torch.randint(0, pairs, (batch,), generator=random).tolist()


def in_epochs(batch: int, random: torch.Generator) -> Order:
    """Every pair once before any comes again, in batches of equal size (± 1) that are no larger than ``batch``."""
    left: Iterator[list[int]] = iter(())

    def order(pairs: int) -> list[int]:
        nonlocal left
        indices = next(left, None)
        if indices is None:
            shuffled = torch.randperm(pairs, generator=random)
            left = (part.tolist() for part in shuffled.tensor_split(-(-pairs // batch)))
            indices = next(left)
        return indices

    return order
