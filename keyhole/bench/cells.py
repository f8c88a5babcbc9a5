"""Cells: what is measured at once, and stored at once. A cell's name tells it from every other one of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from keyhole.bench.records import Design
from keyhole.bench.settings import CellKind

KINDS: tuple[CellKind, ...] = get_args(CellKind)


@dataclass(frozen=True)
class ProfileCell:
    """What a design costs without being run: no link, no attack."""

    design: Design
    kind: ClassVar[CellKind] = "profile"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design)


@dataclass(frozen=True)
class AccuracyCell:
    """How well a design answers: no link, no attack."""

    design: Design
    kind: ClassVar[CellKind] = "accuracy"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design)


@dataclass(frozen=True)
class LatencyCell:
    """How long a design takes over a link; ``link`` is empty where nothing crosses one."""

    design: Design
    link: str
    kind: ClassVar[CellKind] = "latency"

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
    kind: ClassVar[CellKind] = "leak"

    @property
    def name(self) -> str:
        """The primary key."""
        return _named(self.kind, self.design, self.attack, f"seed {self.seed}")


Cell = ProfileCell | AccuracyCell | LatencyCell | LeakCell


def _named(kind: CellKind, design: Design, *more: str) -> str:
    parts = (kind, design.target, design.cut, design.defence, design.codec, *more)
    return " | ".join(part for part in parts if part)
