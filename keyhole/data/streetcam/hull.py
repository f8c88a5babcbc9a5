"""Hulls of vehicles: cross-sections along the length, joined into a closed skin of paint and glass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from keyhole.data.streetcam.keyed_random import Point
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Floats, Mesh
from keyhole.data.streetcam.shapes import Shape

SHOULDER = 3
"""Row of a cross-section at the belt line; rows below are the doors, above are the windows and the roof."""
_COLUMNS = (-1.0, -0.75, -0.42, 0.0, 0.42, 0.75, 1.0)


@dataclass(frozen=True)
class Station:
    """A cross-section.

    Attributes:
        x: metres from the vehicle's middle, forward.
        half: Y and Z of nine points from the sill over the shoulder to the middle of the roof, 9×2.
        next: what lies between this station and the next one.
    """

    x: float
    half: tuple[tuple[float, float], ...]
    next: str


@dataclass(frozen=True)
class Hull:
    """The hull of one piece, from ``rear`` to ``front`` (metres), and its cross-sections."""

    stations: tuple[Station, ...]
    shape: Shape
    rear: float
    front: float

    @cached_property
    def places(self) -> tuple[float, ...]:
        """Positions of the cross-sections along the length, metres."""
        return tuple(station.x for station in self.stations)

    @cached_property
    def _outline(self) -> dict[tuple[int, float], Point]:
        """Points at the left edge of front and rear that were asked for."""
        return {}

    def section(self, x: float) -> list[tuple[float, float]]:
        """Y and Z of the doors at x, from the sill to the shoulder, interpolated."""
        places = self.places
        after = min(max(bisect_left(places, x), 1), len(places) - 1)
        low, high = self.stations[after - 1], self.stations[after]
        share = min(1.0, max(0.0, (x - low.x) / max(high.x - low.x, 1e-9)))
        return [
            (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
            for a, b in zip(low.half[: SHOULDER + 1], high.half, strict=False)
        ]

    def side(self, x: float, up: float, hand: int) -> Point:
        """A point on the door: up 0 at the sill … 1 at the shoulder; hand +1 left, -1 right."""
        half = self.section(x)
        z = half[0][1] + up * (half[-1][1] - half[0][1])
        return (x, hand * (_width_at(half, z) + 0.004), z)

    def fascia(self, end: int, across: float, up: float) -> Point:
        """A point on the front (+1) or rear (-1) face: across -1 right … 1 left, up 0 … 1 at its upper edge."""
        key = (end, up)
        if key not in self._outline:
            station = self.stations[-1] if end > 0 else self.stations[0]
            half = station.half[: SHOULDER + 2]
            z = half[0][1] + up * (half[-1][1] - half[0][1])
            self._outline[key] = (station.x + end * (0.006 - 0.05 * up * up), _width_at(half, z), z)
        x, y, z = self._outline[key]
        return (x + end * self._bulge(end) * (1 - across * across), across * y, z)

    def _bulge(self, end: int) -> float:
        return self.shape.face if end > 0 else 0.45 * self.shape.face

    def add(self, mesh: Mesh, part: int = 0) -> None:
        """Add the skin to a mesh."""
        left = np.array([[(s.x, y, z) for y, z in s.half] for s in self.stations])
        right = left[:, ::-1] * np.array([1.0, -1.0, 1.0])
        mesh.grid(
            np.concatenate([left, right[:, 1:]], axis=1),
            [self._row(station) for station in self.stations[:-1]],
            part=part,
        )
        for end in (1, -1):
            mesh.grid(self._face(end), [[Stuff.TRIM] * 6, *[[Stuff.LOWER] * 6] * 2, *[_FACE] * 3], part=part)

    def _face(self, end: int) -> Floats:
        ups = (0.0, 0.13, 0.42, 0.7, 0.9, 1.0)
        rows = [[self.fascia(end, column, up) for column in _COLUMNS] for up in ups]
        station = self.stations[-1] if end > 0 else self.stations[0]
        top = station.half[-1][1]
        bulge = self._bulge(end)
        rows.append(
            [
                (station.x + end * (bulge * (1 - c * c) * 0.75 - 0.07), c * station.half[5][0], top - 0.02 * c * c)
                for c in _COLUMNS
            ]
        )
        return np.array(rows)

    def _row(self, station: Station) -> list[Stuff]:
        half = _CELLS[station.next]
        return [*half, *half[::-1]]


def _width_at(half: Sequence[tuple[float, float]], z: float) -> float:
    """Half the width at a height, from points that go up."""
    for (y0, z0), (y1, z1) in pairwise(half):
        if z <= z1 + 1e-9:
            return y0 + (y1 - y0) * (z - z0) / max(z1 - z0, 1e-9)
    return half[-1][0]


_SKIN = (Stuff.TRIM, Stuff.LOWER, Stuff.BODY, Stuff.BODY)
_FACE = [Stuff.BODY, Stuff.BODY, Stuff.BODY_STRIPE, Stuff.BODY_STRIPE, Stuff.BODY, Stuff.BODY]
_CELLS: dict[str, tuple[Stuff, ...]] = {
    "end": (*_SKIN, *(Stuff.LIDS,) * 3, Stuff.LIDS_STRIPE),
    "bonnet": (*_SKIN, *(Stuff.LIDS,) * 3, Stuff.LIDS_STRIPE),
    "bed": (*_SKIN, Stuff.BODY, *(Stuff.DARK,) * 3),
    "rear glass": (*_SKIN, Stuff.ROOF, Stuff.ROOF, Stuff.GLASS, Stuff.GLASS),
    "rear sheet": (*_SKIN, *(Stuff.ROOF,) * 3, Stuff.ROOF_STRIPE),
    "windscreen": (*_SKIN, Stuff.GLASS, Stuff.ROOF, Stuff.GLASS, Stuff.GLASS),
    "pane": (*_SKIN, Stuff.GLASS, *(Stuff.ROOF,) * 2, Stuff.ROOF_STRIPE),
    "post": (*_SKIN, Stuff.TRIM, *(Stuff.ROOF,) * 2, Stuff.ROOF_STRIPE),
    "sheet": (*_SKIN, Stuff.BODY, *(Stuff.ROOF,) * 2, Stuff.ROOF_STRIPE),
}


def hull(shape: Shape, rear: float, front: float, bed: bool = False) -> Hull:
    """Loft a body between two places along the length, in metres."""
    length = front - rear
    stations: list[Station] = []

    def put(share: float, cabin: float, top: float, kind: str, pinch: float = 1.0) -> None:
        stations.append(Station(rear + share * length, _section(shape, share, cabin, top, pinch), kind))

    belt, nose = shape.belt * shape.height, shape.nose * shape.height
    deck = "bed" if bed else "end"
    lift = 0.03 if shape.tail > 0.1 and not bed else 0.0
    put(0.0, 0, belt + lift - 0.07, "end", 0.92)
    put(0.3 * min(shape.tail, 0.06), 0, belt + lift - 0.02, deck, 0.965)
    if shape.tail > 0.1:
        put(0.05, 0, belt + lift, deck, 0.99)
        put(0.5 * shape.tail, 0, belt + lift + 0.01, deck)
    put(shape.tail, 0, belt + 0.02, "rear glass" if shape.rear_glass else "rear sheet")
    panes = _panes(shape)
    for share, kind in panes:
        put(share, 1, belt, kind)
    put(shape.cowl, 0, belt + 0.03, "bonnet")
    for share, pinch in ((0.5, 1.0), (0.8, 0.985), (0.93, 0.96), (1.0, 0.9)):
        place = shape.cowl + share * (1 - shape.cowl)
        put(place, 0, nose + (belt + 0.02 - nose) * (1 - share * share), "bonnet", pinch)
    return Hull(tuple(stations), shape, rear, front)


def _panes(shape: Shape) -> list[tuple[float, str]]:
    """Stations of the cabin from rear to front: glass or sheet between posts."""
    span = shape.roof_front - shape.roof_rear
    post = 0.016 if span < 0.75 else 0.007
    posts = [shape.roof_front - share * span for share in shape.pillars]
    stations: list[tuple[float, str]] = [(shape.roof_front, "windscreen")]
    for number, place in enumerate(posts):
        stations.append((place + post, "pane" if number < shape.panes else "sheet"))
        stations.append((place - post, "post"))
    kind = "pane" if len(posts) < shape.panes else "sheet"
    stations += [(shape.roof_rear + 0.2 * min(0.1, span), kind), (shape.roof_rear, "sheet")]
    return stations[::-1]


def _section(shape: Shape, share: float, cabin: float, top: float, pinch: float) -> tuple[tuple[float, float], ...]:
    """Half a cross-section; ``cabin`` 1 has windows and a roof above the shoulder, 0 is closed at ``top``."""
    off = 2 * share - 1
    wide = 0.5 * shape.width * pinch * (1 - 0.05 * off * off * off * off)
    sill, belt = shape.sill + (0.03 if abs(off) > 0.9 else 0.0), min(shape.belt * shape.height, top - 0.03)
    doors = (
        (0.92 * wide, sill),
        (0.985 * wide, sill + 0.22 * (belt - sill)),
        (1.0 * wide, sill + 0.6 * (belt - sill)),
        (0.962 * wide, belt),
    )
    if not cabin:
        upper = (
            (0.93 * wide, top - 0.012), (0.82 * wide, top + 0.005), (0.76 * wide, top + 0.012),
            (0.4 * wide, top + 0.03), (0.0, top + 0.036),
        )  # fmt: skip
        return (*doors, *upper)
    middle = (share - 0.5 * (shape.roof_front + shape.roof_rear)) / max(shape.roof_front - shape.roof_rear, 1e-9)
    roof = shape.height - 0.045 - 0.14 * middle * middle * min(1.0, 4 / shape.length)
    edge = shape.roof * wide
    upper = (
        (0.94 * wide, belt + 0.015), (edge + 0.035, roof - 0.08), (edge - 0.05, roof - 0.012),
        (0.5 * edge, roof + 0.03), (0.0, roof + 0.045),
    )  # fmt: skip
    return (*doors, *upper)
