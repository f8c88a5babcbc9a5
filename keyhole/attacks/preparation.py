"""What an attack's training before its first frame takes, so that no cost of an attack leaves it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Preparation:
    """A training that came before the first frame.

    Attributes:
        steps: of the optimiser.
        pictures: that it learned from: queries of an oracle, or public ones.
        labelled: whether the classes of these were known.
    """

    steps: int
    pictures: int
    labelled: bool = False


@runtime_checkable
class PreparedAttack(Protocol):
    """An attack that trains before its first frame."""

    def prepare(self) -> Preparation | None:
        """Train, or return when the training has ended, and say what it took; None where it was done before.

        Raises:
            UsageError: it cannot learn from what it is given.
        """
        ...
