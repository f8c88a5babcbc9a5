"""Finite sets made of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


def identities_of(pictures: Collection) -> list[str]:
    """Each picture's identity.

    Raises:
        ValueError: a picture has none.
    """
    identities = [pictures.facts(index).identity for index in range(len(pictures))]
    known = [identity for identity in identities if identity is not None]
    if len(known) < len(identities):
        raise ValueError(f"{len(identities) - len(known)} of {len(identities)} pictures show no known identity")
    return known


def paired(pictures: Collection) -> Collection:
    """The pictures whose identity has another picture too; the same collection where all have.

    Raises:
        ValueError: every identity has one picture, or a picture has no identity.
    """
    identities = identities_of(pictures)
    counts = Counter(identities)
    kept = tuple(index for index, identity in enumerate(identities) if counts[identity] > 1)
    if not kept:
        raise ValueError(
            f"each of {len(counts)} identities has one picture: re-identification needs two or more of an identity"
        )
    return pictures if len(kept) == len(pictures) else Subset(pictures, kept)


def where(values: Sequence[str], wanted: set[str]) -> tuple[int, ...]:
    """Places of the values that are among ``wanted``."""
    return tuple(index for index, value in enumerate(values) if value in wanted)
