"""Cells: what is measured at once, and stored at once. A cell's name tells it from every other one of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from keyhole.bench.records import Design

Kind = Literal["profile", "accuracy", "latency", "leak"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class ProfileCell:
    """What a design costs without being run: no link, no attack."""

    design: Design
    kind: ClassVar[Kind] = "profile"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design)


@dataclass(frozen=True)
class AccuracyCell:
    """How well a design answers: no link, no attack."""

    design: Design
    kind: ClassVar[Kind] = "accuracy"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design)


@dataclass(frozen=True)
class LatencyCell:
    """How long a design takes over a link; ``link`` is empty where nothing crosses one."""

    design: Design
    link: str
    kind: ClassVar[Kind] = "latency"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design, self.link)


@dataclass(frozen=True)
class LeakCell:
    """What one attack sees of a design, with one seed: no link."""

    design: Design
    attack: str
    seed: int
    kind: ClassVar[Kind] = "leak"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design, self.attack, f"seed {self.seed}")


Cell = ProfileCell | AccuracyCell | LatencyCell | LeakCell


def _named(kind: Kind, design: Design, *more: str) -> str:
    parts = (kind, design.target, design.cut, design.defence, design.codec, *more)
    return " | ".join(part for part in parts if part)
