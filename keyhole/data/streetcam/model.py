"""Models of vehicles: x forward, y left, z up, in metres, with the origin on the ground below the middle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from keyhole.data.streetcam.fittings import (
    add_doors,
    add_front,
    add_mirrors,
    add_rack,
    add_rear,
    add_wheels,
    plate_corners,
)
from keyhole.data.streetcam.hull import hull
from keyhole.data.streetcam.identity import Damage, Decal, Vehicle
from keyhole.data.streetcam.keyed_random import Draw, Point, circle
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Faces, Layer, Mesh
from keyhole.data.streetcam.shapes import Shape, shape

_FLOOR = 0.92
_SECTION = ((1.0, 0.0), (1.0, 0.35), (1.0, 0.7), (1.0, 0.97), (0.96, 1.0), (0.4, 1.0))

_INK = (Stuff.DECAL_A, Stuff.DECAL_B)


class Sided(Protocol):
    """Something with two sides that carries marks: a hull or a box."""

    @property
    def rear(self) -> float: ...

    @property
    def front(self) -> float: ...

    @property
    def shape(self) -> Shape: ...

    def side(self, x: float, up: float, hand: int) -> Point: ...


@dataclass(frozen=True)
class Load:
    """A box from ``rear`` to ``front``, metres."""

    rear: float
    front: float
    shape: Shape

    def side(self, x: float, up: float, hand: int) -> Point:
        """A point on the side: up 0 at the floor … 1 below the roof; hand +1 left, -1 right."""
        return (x, hand * (0.5 * self.shape.width + 0.004), _FLOOR + 0.04 + up * 0.92 * (self._top - _FLOOR))

    @property
    def _top(self) -> float:
        return self.shape.height + 0.12

    def add(self, mesh: Mesh) -> None:
        """Add the box with its frame, tail lamps, bumper and underride bar."""
        half, tall = 0.5 * self.shape.width, self._top - _FLOOR
        right = [(-half * y, _FLOOR + tall * z) for y, z in _SECTION]
        ring = [*right, *((-y, z) for y, z in right[::-1])]
        stations = [self.rear + share * (self.front - self.rear) for share in (0, 0.25, 0.5, 0.75, 1)]
        skin = [Stuff.BOX] * (len(ring) - 1)
        mesh.grid(np.array([[(x, y, z) for y, z in ring] for x in stations]), [skin] * 4)
        for x, out in ((self.rear, -1.0), (self.front, 1.0)):
            with mesh.mirrored():
                door: list[Point] = [
                    (x, 0.0, _FLOOR), (x, half, _FLOOR), (x, half, self._top), (x, 0.0, self._top),
                ]  # fmt: skip
                mesh.polygon(door, (out, 0.0, 0.1), Stuff.BOX, Layer.BODY)
        self._trim(mesh, half)

    def _trim(self, mesh: Mesh, half: float) -> None:
        back: Point = (-1.0, 0.0, 0.15)
        x = self.rear - 0.005
        mesh.polygon([(x, 0, _FLOOR), (x, 0, self._top)], back, Stuff.GAP, Layer.MARKS, line=True)
        with mesh.mirrored():
            bar: list[Point] = [(x, 0.35 * half, _FLOOR), (x, 0.35 * half, self._top)]
            mesh.polygon(bar, back, Stuff.CHROME, Layer.MARKS, line=True)
            for z in (_FLOOR + 0.02, self._top - 0.04):
                edge = [(self.rear, half, z), (self.front, half, z)]
                mesh.polygon(edge, (0, 1, 0), Stuff.CHROME, Layer.MARKS, side=1, line=True)
        y = half * 0.98
        bumper: list[Point] = [(x, -y, 0.55), (x, y, 0.55), (x, y, 0.9), (x, -y, 0.9)]
        mesh.polygon(bumper, back, Stuff.TRIM, Layer.MARKS)
        with mesh.mirrored():
            lamp: list[Point] = [(x, y, 0.64), (x, 0.72 * y, 0.64), (x, 0.72 * y, 0.84)]
            mesh.polygon([*lamp, (x, y, 0.84)], back, Stuff.TAILLAMP, Layer.MARKS)
        with mesh.mirrored():
            guard: list[Point] = [
                (self.rear + 0.3, half, 0.5), (self.front, half, 0.5),
                (self.front, half, 0.85), (self.rear + 0.3, half, 0.85),
            ]  # fmt: skip
            mesh.polygon(guard, (0, 1, 0.1), Stuff.TRIM, Layer.MARKS, side=1)


def add_marks(mesh: Mesh, hull: Sided, car: Vehicle) -> None:
    """Add decals (on both sides) and damage (on one) to the doors."""
    for number, decal in enumerate(car.decals):
        with mesh.mirrored():
            _decal(mesh, hull, decal, 1, _INK[number])
    for flaw in car.damage:
        _flaw(mesh, hull, flaw)


def _place(hull: Sided, along: float, up: float, hand: int) -> Point:
    return hull.side(hull.rear + along * (hull.front - hull.rear), min(1.0, max(0.0, up)), hand)


def _patch(
    mesh: Mesh, hull: Sided, along: tuple[float, float], up: tuple[float, float], hand: int, stuff: Stuff,
    lean: float = 0.0,
) -> None:  # fmt: skip
    steps = [along[0] + share * (along[1] - along[0]) for share in (0, 0.33, 0.67, 1)]
    lower = [_place(hull, place, up[0], hand) for place in steps]
    upper = [_place(hull, place + lean, up[1], hand) for place in steps[::-1]]
    mesh.polygon([*lower, *upper], (0.0, 0.97 * hand, 0.2), stuff, Layer.MARKS, side=hand)


def _decal(mesh: Mesh, hull: Sided, decal: Decal, hand: int, stuff: Stuff) -> None:
    size, up, along = decal.size, decal.up, decal.along
    if decal.kind == "stripe":
        for part in ((0.04, 0.35), (0.35, 0.65), (0.65, 0.96)):
            _patch(mesh, hull, part, (0.35 + 0.4 * up, 0.42 + 0.4 * up + 0.08 * size), hand, stuff)
    elif decal.kind == "band":
        for part in ((0.03, 0.35), (0.35, 0.65), (0.65, 0.97)):
            _patch(mesh, hull, part, (0.22, 0.4 + 0.3 * size), hand, stuff)
    elif decal.kind == "panel":
        reach = 0.06 + 0.08 * size
        _patch(mesh, hull, (along - reach, along + reach), (0.42, 0.6 + 0.35 * size), hand, stuff)
    elif decal.kind == "chequers":
        for column in range(8):
            for row in range(2):
                if (column + row) % 2 == 0:
                    start, low = 0.2 + 0.075 * column, 0.45 + 0.14 * row + 0.1 * up
                    _patch(mesh, hull, (start, start + 0.075), (low, low + 0.14), hand, stuff)
    else:
        reach = 0.03 + 0.05 * size
        _patch(mesh, hull, (along - reach, along + reach), (0.05, 0.98), hand, stuff, lean=0.09)


def _flaw(mesh: Mesh, hull: Sided, flaw: Damage) -> None:
    draw = Draw("flaw", flaw.grain)
    length = hull.front - hull.rear
    tall = hull.shape.belt * hull.shape.height - hull.shape.sill
    stuff = {"rust": Stuff.RUST, "primer": Stuff.PRIMER, "scratch": Stuff.SCRATCH, "dent": Stuff.BODY}[flaw.kind]
    if flaw.kind == "scratch":
        for _ in range(3):
            up = flaw.up + draw.uniform(-0.08, 0.08)
            reach = flaw.size * draw.uniform(0.6, 1.2) / length
            line = [
                _place(hull, flaw.along + reach * (i - 1), up + draw.uniform(-0.02, 0.02), flaw.side) for i in range(3)
            ]
            mesh.polygon(line, (0.0, float(flaw.side), 0.0), stuff, Layer.MARKS, side=flaw.side, line=True)
        return
    points = []
    for c, s in circle(9):
        size = 0.5 * flaw.size * draw.uniform(0.55, 1.0)
        points.append(_place(hull, flaw.along + size * c / length, flaw.up + 0.7 * size * s / tall, flaw.side))
    lean = (0.55, 0.6 * flaw.side, -0.58) if flaw.kind == "dent" else (0.0, 0.98 * flaw.side, 0.2)
    mesh.polygon(points, lean, stuff, Layer.MARKS, side=flaw.side)


@dataclass(frozen=True)
class Model:
    """Faces of a vehicle and the places that others need.

    Attributes:
        faces: all faces, in the vehicle's own coordinates.
        shape: its proportions.
        plates: corners of the front and the rear plate, as read: upper left, upper right, lower right, lower left.
        driver: middle of the driver's head; the passenger's is its mirror image.
        lamps: left and right headlamp, left and right tail lamp.
        cab: x from which on the vehicle is the cab; below is the load, where the vehicle is of two parts.
        outline: corners of the shadow's shape.
    """

    faces: Faces
    shape: Shape
    plates: tuple[tuple[Point, ...], tuple[Point, ...]]
    driver: Point
    lamps: tuple[Point, ...]
    cab: float
    outline: tuple[Point, ...]


@lru_cache(maxsize=256)
def build(car: Vehicle) -> Model:
    """Build the model of a vehicle."""
    whole = shape(car)
    mesh = Mesh()
    front, rear = whole.length / 2, -whole.length / 2
    two = whole.cab > 0
    part = 1 if two else 0
    cab = hull(whole if not two else replace(whole, length=whole.cab), front - whole.cab if two else rear, front,
               bed=car.body == "pickup")  # fmt: skip
    cab.add(mesh, part)
    add_doors(mesh, cab, car, part)
    front_plate = add_front(mesh, cab, car, part)
    add_mirrors(mesh, cab, part)
    add_rack(mesh, cab, car, part)
    if two:
        load = Load(rear, front - whole.cab - 0.12, whole)
        load.add(mesh)
        mesh.box(
            (rear, -0.3 * whole.width, 0.45), (front - whole.cab + 0.1, 0.3 * whole.width, 0.9), Stuff.TRIM, Layer.UNDER
        )
        add_marks(mesh, load, car)
        rear_plate: Point = (rear - 0.01, 0.0, 0.74)
    else:
        add_marks(mesh, cab, car)
        rear_plate = add_rear(mesh, cab, car)
    add_wheels(mesh, cab, car, whole)
    plates = (plate_corners(front_plate, 1), plate_corners(rear_plate, -1))
    for end, plate in zip((1.0, -1.0), plates, strict=True):
        mesh.polygon(plate, (0.98 * end, 0.0, 0.2), Stuff.PLATE, Layer.TOP)
    faces = mesh.faces()
    length = cab.front - cab.rear
    seat = cab.rear + length * (0.42 * whole.roof_front + 0.58 * whole.cowl) - (0.85 if not two else 0.7)
    head = whole.height - (0.3 if whole.height < 1.9 else 0.34 * (whole.height - 1.0))
    belt = whole.belt * whole.height
    corners = [(x, y) for x in (rear + 0.1, front - 0.1) for y in (-0.47 * whole.width, 0.47 * whole.width)]
    roof = [
        (x, y) for x in (cab.rear + whole.roof_rear * length, cab.rear + whole.roof_front * length)
        for y in (-0.4 * whole.width, 0.4 * whole.width)
    ] if not two else corners  # fmt: skip
    outline = [(x, y, z) for x, y in corners for z in (0.1, belt)] + [(x, y, whole.height) for x, y in roof]
    lamp = [cab.fascia(1, hand * 0.8, 0.78) for hand in (1, -1)]
    tail = [(rear - 0.05, hand * 0.42 * whole.width, 0.75 * belt) for hand in (1, -1)]
    return Model(
        faces=faces,
        shape=whole,
        plates=plates,
        driver=(seat, 0.21 * whole.width, head),
        lamps=(*lamp, *tail),
        cab=front - whole.cab - 0.06,
        outline=tuple(outline),
    )
