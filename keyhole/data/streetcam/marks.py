"""Decals and damage on the sides: what tells two vehicles of one model and paint apart."""

from __future__ import annotations

from keyhole.data.streetcam.draws import Draw, Point, circle
from keyhole.data.streetcam.identity import Damage, Decal, Vehicle
from keyhole.data.streetcam.load import Sided
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Layer, Mesh

_INK = (Stuff.DECAL_A, Stuff.DECAL_B)


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
