"""How much must be removed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from keyhole.partition.memory import Footprint, footprint_at, footprints


@dataclass(frozen=True)
class Goal:
    """Limits of the memory of a pruned head.

    Attributes:
        cut: where the head ends.
        weights: bytes of its weights at most.
        total: bytes of its weights and activations at most; None: any.
    """

    cut: str
    weights: float
    total: int | None = None

    @classmethod
    def of(cls, cut: str, whole: Footprint, ratio: float, room: Footprint | None) -> Goal:
        """The room of an unpruned head, or, without one, a share of the head's weights.

        Args:
            cut: where the head ends.
            whole: what it needs before anything is removed.
            ratio: share of its weights to remove.
            room: what the edge has.
        """
        return cls(cut, whole.weights * (1 - ratio)) if room is None else cls(cut, whole.weights, room.total)

    def reached(self, network: nn.Module, example: Tensor) -> bool:
        """Whether the head of a pruned network is within the limits, for pictures like ``example``."""
        found = footprint_at(footprints(network, example), self.cut)
        return found.weights <= self.weights and (self.total is None or found.total <= self.total)
