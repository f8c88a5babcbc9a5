"""Finite sets made of others."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.data.sets.record import Collection, Facts, Record


@dataclass(frozen=True)
class Subset:
    """A `Collection` of some pictures of another.

    Attributes:
        whole: the other.
        indices: which pictures of it, in order.
    """

    whole: Collection
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the whole."""
        return self.whole.classes

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Record:
        return self.whole[self.indices[index]]

    def facts(self, index: int) -> Facts:
        """What is known of picture ``index``."""
        return self.whole.facts(self.indices[index])


@dataclass(frozen=True)
class Joined:
    """A `Collection` of the pictures of one and then those of another, with the same classes."""

    first: Collection
    second: Collection

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the first."""
        return self.first.classes

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int) -> Record:
        home, own = self._place(index)
        return home[own]

    def facts(self, index: int) -> Facts:
        """What is known of picture ``index``."""
        home, own = self._place(index)
        return home.facts(own)

    def _place(self, index: int) -> tuple[Collection, int]:
        count = len(self.first)
        return (self.first, index) if index < count else (self.second, index - count)
