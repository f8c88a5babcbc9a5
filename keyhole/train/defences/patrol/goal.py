"""How much must be removed, and what else must go where the mask alone does not get there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keyhole.partition.memory import SizedHead, footprint_at, footprints


@dataclass(frozen=True)
class Goal:
    """Limits of the memory of a pruned head.

    Attributes:
        cut: where the head ends.
        tensors: names of its weights.
        weights: bytes of them at most.
        total: bytes of weights and activations at most; None: any.
    """

    cut: str
    tensors: frozenset[str]
    weights: float
    total: int | None = None

    @classmethod
    def of(cls, head: nn.Module, before: Sequence[SizedHead], cut: str, ratio: float, room: str | None) -> Goal:
        """The room of an unpruned head, or, without one, what is left of a head's weights.

        Args:
            head: the whole one.
            before: footprints of the whole model.
            cut: where the head ends.
            ratio: share of its weights to remove.
            room: where the head ends whose memory the edge has; None: there is no such limit.

        Raises:
            CutError: no block ends at one of the points.
        """
        names, weights = frozenset(head.state_dict()), footprint_at(before, cut).weights
        if room is None:
            return cls(cut, names, weights * (1 - ratio))
        total = footprint_at(before, room).total
        return cls(cut, names, total, total)

    def reached(self, network: nn.Module, example: Tensor) -> bool:
        """Whether the head of a pruned network is within the limits, for pictures like ``example``."""
        state = network.state_dict()
        if sum(state[name].nbytes for name in self.tensors & state.keys()) > self.weights:
            return False
        return self.total is None or footprint_at(footprints(network, example), self.cut).total <= self.total


def fewest_gone(
    now: Sequence[Tensor], seen: Sequence[Tensor], threshold: float, enough: Callable[[Sequence[Tensor]], bool]
) -> list[Tensor]:
    """Masks without more entries gone than it takes.

    Entries that start alike fall alike, and may be gone together a few steps after the goal was still far. Those come
    back that were the largest then, for as long as the goal is reached; then whole masks, such as that of a small
    mapping that was removed on the way to a large one.

    Args:
        now: masks with which it is.
        seen: the same at an earlier look.
        threshold: entries up to this magnitude are gone.
        enough: whether masks reach the goal; where some do, so do those with more zeros.

    Returns:
        Of each mask what stays, and 0 elsewhere.
    """

    def back(limit: float) -> list[Tensor]:
        return [
            torch.where(mask.abs() > threshold, mask, earlier * (earlier.abs() > limit))
            for mask, earlier in zip(now, seen, strict=True)
        ]

    gone = [earlier * (mask.abs() <= threshold) for mask, earlier in zip(now, seen, strict=True)]
    left = back(least_threshold(gone, lambda limit: enough(back(limit))))
    for place in sorted(range(len(left)), key=lambda place: -float(gone[place].abs().max())):
        missing = gone[place] * (left[place] == 0)
        whole = [*left[:place], left[place] + missing, *left[place + 1 :]]
        if missing.any() and enough(whole):
            left = whole
    return left


def least_threshold(masks: Sequence[Tensor], enough: Callable[[float], bool]) -> float:
    """The smallest τ that is enough, among the magnitudes of the masks' entries; the largest where none is.

    Args:
        masks: as they are.
        enough: whether a threshold is; where one is, so are larger ones.
    """
    entries = torch.cat([torch.zeros(1), *(mask.detach().abs().cpu() for mask in masks)])
    sizes = sorted(set(entries.tolist()))
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(sizes[middle]) else (middle + 1, high)
    return float(sizes[low])
