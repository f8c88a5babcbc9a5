"""One picture of a finite set, what is known of it, and what a finite set is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Facts:
    """What a data set says of one picture; None where it says nothing.

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
    facts: Facts

    @property
    def label(self) -> int | None:
        """Index into the set's `classes`."""
        return self.facts.label

    @property
    def identity(self) -> str | None:
        """Who or which vehicle."""
        return self.facts.identity

    @property
    def camera(self) -> str | None:
        """Which camera took it."""
        return self.facts.camera

    @property
    def caption(self) -> str | None:
        """A sentence on it."""
        return self.facts.caption


class Collection(Protocol):
    """A finite set of pictures, read one at a time, in an order that is the same every time."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that labels are indices into; empty where there are no labels."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record:
        """Picture ``index``; IndexError from ``len`` on."""

    def facts(self, index: int) -> Facts:
        """What is known of picture ``index``, without reading it: what samplers and galleries need."""
