"""A finite set as a list: where each picture is read from, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from keyhole.data.sets.record import Facts, Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture that is not read yet.

    Attributes:
        name: the picture's own; a picture that is in two splits has one name.
        split: ``train``, or as the owner names it; ``all`` where the set has no splits.
        read: gives RGB uint8 3×H×W.
        facts: what is known of it.
        group: what must not be torn apart, where the facts do not say so.
    """

    name: str
    split: str
    read: Callable[[], Tensor]
    facts: Facts = Facts()  # noqa: RUF009 - it is frozen
    group: str = ""

    @property
    def together(self) -> str:
        """What stays in one pool: the group, else the identity, else the clip, else the picture."""
        return self.group or self.facts.identity or self.facts.clip or self.name


@dataclass(frozen=True)
class Listing:
    """A `Collection` of entries."""

    entries: tuple[Entry, ...]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Record:
        entry = self.entries[index]
        return Record(entry.read(), entry.facts)

    def facts(self, index: int) -> Facts:
        """What is known of picture ``index``."""
        return self.entries[index].facts
