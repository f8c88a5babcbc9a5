"""What a chart shows: panels of dots, lines and bars over two axes, without how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from keyhole.metrics.interval import Interval

INK = "#010203"
"""In the place of the colour of the text, which is light on dark paper."""
Point = tuple[float, float]
Symbol = Literal["circle", "square", "triangle", "diamond", "down", "cross", "plus", "star"]
Dash = Literal["solid", "dashed", "dotted"]


@dataclass(frozen=True)
class ChartAxis:
    """One direction of a panel.

    Attributes:
        title: what is on it, with its unit.
        span: its ends, the left or the lower one first.
        ticks: places that are written on, with their texts; empty: round numbers.
    """

    title: str
    span: tuple[float, float]
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Mark:
    """One dot.

    Attributes:
        x, y: where.
        facts: lines that a reader gets who points at it; plain text.
        label: written beside it where there is room.
        first: whether its label is placed before those of other marks.
        across, up: 95 % intervals along x and y.
        link: name of the element of the page that a click leads to.
    """

    x: float
    y: float
    facts: tuple[str, ...] = ()
    label: str = ""
    first: bool = False
    across: Interval | None = None
    up: Interval | None = None
    link: str = ""


@dataclass(frozen=True)
class Dots:
    """Marks of one kind. ``names`` are those of the entries of the key that it belongs to."""

    names: tuple[str, ...]
    colour: str
    symbol: Symbol
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Curve:
    """A line through points; a stepped one keeps its height up to the next point."""

    name: str
    colour: str
    points: tuple[Point, ...]
    dash: Dash = "solid"
    stepped: bool = False


@dataclass(frozen=True)
class Level:
    """A straight line across the panel at one value of ``x`` or ``y``."""

    name: str
    on: Literal["x", "y"]
    at: float
    dash: Dash = "dashed"


@dataclass(frozen=True)
class Region:
    """A shaded part of the panel; None: up to the panel's edge."""

    name: str
    x: tuple[float | None, float | None]
    y: tuple[float | None, float | None]

    def within(self, x: ChartAxis, y: ChartAxis) -> tuple[Interval, Interval]:
        """Its ends along x and y, on these axes."""
        return _clipped(self.x, x), _clipped(self.y, y)


@dataclass(frozen=True)
class Bars:
    """Horizontal bars.

    Attributes:
        name, colour: of all.
        places: on the vertical axis.
        starts, lengths: on the horizontal one.
    """

    name: str
    colour: str
    places: tuple[float, ...]
    starts: tuple[float, ...]
    lengths: tuple[float, ...]


@dataclass(frozen=True)
class Key:
    """An entry of the key above a chart: a symbol, or a line of this dash, or a filled square where it has neither."""

    name: str
    colour: str
    symbol: Symbol | None = None
    dash: Dash | None = None


@dataclass(frozen=True)
class ChartPanel:
    """Two axes with what is drawn over them, the first drawn undermost: regions, levels, curves, bars, dots."""

    title: str
    x: ChartAxis
    y: ChartAxis
    regions: tuple[Region, ...] = ()
    levels: tuple[Level, ...] = ()
    curves: tuple[Curve, ...] = ()
    bars: tuple[Bars, ...] = ()
    dots: tuple[Dots, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Panels under one key.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        reading: how to read it, a sentence or two.
        panels: one or more.
        keys: the entries of the key.
        height: of a panel, pixels.
    """

    name: str
    title: str
    reading: str
    panels: tuple[ChartPanel, ...]
    keys: tuple[Key, ...]
    height: int = 300

    @property
    def toggled(self) -> frozenset[str]:
        """Names of the key's entries that can be taken out of the panels."""
        return frozenset(
            name
            for panel in self.panels
            for names in (
                *(dots.names for dots in panel.dots),
                [curve.name for curve in panel.curves],
                [bars.name for bars in panel.bars],
            )
            for name in names
        )


def from_zero(values: Iterable[float], room: float = 0.06) -> tuple[float, float]:
    """A span from 0 to somewhat more than the greatest value.

    >>> from_zero([5.0, 10.0], room=0.1)
    (0.0, 11.0)
    """
    top = max((value for value in values if math.isfinite(value)), default=1.0)
    return 0.0, (top if top > 0 else 1.0) * (1 + room)


def around(values: Iterable[float], room: float = 0.08) -> tuple[float, float]:
    """A span around the values, with some room at both ends.

    >>> around([10.0, 20.0], room=0.1)
    (9.0, 21.0)
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    more = room * (high - low) or 0.5
    return low - more, high + more


def places(names: Sequence[str]) -> tuple[tuple[float, str], ...]:
    """Ticks of an axis of names, at 0, 1, 2, …"""
    return tuple((float(place), name) for place, name in enumerate(names))


def _clipped(ends: tuple[float | None, float | None], axis: ChartAxis) -> Interval:
    low, high = sorted(axis.span)
    return low if ends[0] is None else ends[0], high if ends[1] is None else ends[1]
