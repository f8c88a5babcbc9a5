"""Batches of a training: how many each epoch has, and what a finished training has spent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class EpochBudget:
    """Batches of each epoch.

    Attributes:
        counts: one number for each epoch, 1 or more.
    """

    counts: tuple[int, ...]

    @classmethod
    def of(cls, epochs: int, data: int, steps: int | None, batches: int | None) -> EpochBudget:
        """The budget that settings describe.

        Args:
            epochs: how many.
            data: batches that the data has in an epoch.
            steps: of an epoch at most; None: all of the data.
            batches: of all epochs together, dealt out evenly in place of ``steps``; None: as ``steps`` says.

        Raises:
            UsageError: an epoch would have none, or more than the data has.

        >>> EpochBudget.of(3, 50, None, 100).counts
        (33, 33, 34)
        """
        if batches is None:
            return cls((min(data, steps or data),) * epochs)
        ends = [batches * epoch // max(1, epochs) for epoch in range(epochs + 1)]
        counts = tuple(last - first for first, last in pairwise(ends))
        if not counts or min(counts) < 1 or max(counts) > data:
            raise UsageError(
                f"{batches} batches in {epochs} epochs: expected 1 to {data} in each, which is what the data has; "
                "name other stages or another number of --batches"
            )
        return cls(counts)

    @property
    def total(self) -> int:
        """Batches of all epochs."""
        return sum(self.counts)

    @property
    def starts(self) -> Sequence[int]:
        """Batches before each epoch, and after the last."""
        return tuple(accumulate(self.counts, initial=0))

    def epoch_of(self, done: int) -> int:
        """The epoch, from 0, that the batch after ``done`` ones is in; the number of epochs after the last."""
        return bisect_right(self.starts, done) - 1


def shared(batches: int, epochs: Sequence[int]) -> tuple[int, ...]:
    """A number of batches dealt out to trainings by their epochs.

    >>> shared(100, (2, 13))
    (13, 87)

    Raises:
        UsageError: a training would have fewer batches than epochs.
    """
    ends = [round(batches * part / sum(epochs)) for part in accumulate(epochs, initial=0)]
    counts = tuple(last - first for first, last in pairwise(ends))
    if any(count < own for count, own in zip(counts, epochs, strict=True)):
        raise UsageError(f"--batches {batches}: expected at least one for each of {sum(epochs)} epochs")
    return counts


def spent_text(spent: Mapping[str, int]) -> str:
    """What a training has spent, as a card has it, in one line."""
    parts = (f"{count:,} {name.replace('_', ' ')}" for name, count in spent.items() if count)
    return f"spent: {', '.join(parts)}"
