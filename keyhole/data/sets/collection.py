"""Finite sets of pictures: what is known of each picture, lists of pictures, and sets made of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Facts on one picture as its data set gives them; None where it gives none.

    Attributes:
        label: index into the set's `classes`.
        identity: who or which vehicle, unique over all splits of the set.
        camera: which camera took it.
        caption: a sentence on it.
        clip: the video it is a frame of.
        frame: its number in the video.
        time: when it was taken, as the set writes it.
        attributes: what the set says is seen in it.
    """

    label: int | None = None
    identity: str | None = None
    camera: str | None = None
    caption: str | None = None
    clip: str | None = None
    frame: int | None = None
    time: str | None = None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """A picture and its facts.

    Attributes:
        picture: RGB uint8 3×H×W, of the size that the set has it in.
        facts: what is known of it.
    """

    picture: Tensor
    facts: PictureFacts

    @property
    def label(self) -> int | None:
        """Index into the set's `classes`."""
        return self.facts.label

    @property
    def identity(self) -> str | None:
        """The person or vehicle."""
        return self.facts.identity

    @property
    def camera(self) -> str | None:
        """The camera that took it."""
        return self.facts.camera

    @property
    def caption(self) -> str | None:
        """A sentence on it."""
        return self.facts.caption


class Collection(Protocol):
    """A finite set of pictures, read one at a time, in an order that is the same every time."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, which labels index; empty where there are no labels."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record:
        """Picture ``index``; IndexError from ``len`` on."""

    def facts(self, index: int) -> PictureFacts:
        """The facts on picture ``index``, without reading the picture, as samplers and galleries need them."""


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """A picture of a list that is not read yet.

    Attributes:
        name: the picture's own; a picture that is in two splits has one name.
        split: ``train``, or as the owner names it; ``all`` where the set has no splits.
        read: gives RGB uint8 3×H×W.
        facts: what is known of it.
        group: key of the pictures that must stay in one pool, where the facts do not say so.
    """

    name: str
    split: str
    read: Callable[[], Tensor]
    facts: PictureFacts = PictureFacts()
    group: str = ""

    @property
    def together(self) -> str:
        """Key of what stays in one pool: the group, else the identity, else the clip, else the picture."""
        return self.group or self.facts.identity or self.facts.clip or self.name


@dataclass(frozen=True)
class Listing:
    """A `Collection` of entries."""

    entries: tuple[ListedPicture, ...]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Record:
        entry = self.entries[index]
        return Record(entry.read(), entry.facts)

    def facts(self, index: int) -> PictureFacts:
        """The facts on picture ``index``."""
        return self.entries[index].facts


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
        """The classes of the whole."""
        return self.whole.classes

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Record:
        return self.whole[self.indices[index]]

    def facts(self, index: int) -> PictureFacts:
        """The facts on picture ``index``."""
        return self.whole.facts(self.indices[index])


@dataclass(frozen=True)
class Joined:
    """A `Collection` of two others, one after the other, with the same classes."""

    first: Collection
    second: Collection

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the first."""
        return self.first.classes

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int) -> Record:
        home, own = self._place(index)
        return home[own]

    def facts(self, index: int) -> PictureFacts:
        """The facts on picture ``index``."""
        home, own = self._place(index)
        return home.facts(own)

    def _place(self, index: int) -> tuple[Collection, int]:
        count = len(self.first)
        return (self.first, index) if index < count else (self.second, index - count)
