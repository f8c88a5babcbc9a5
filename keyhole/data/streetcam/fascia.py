"""Front and rear: lamps, grille, bumper, and where the plates hang."""

from __future__ import annotations

from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.identity import Vehicle
from keyhole.data.streetcam.loft import Hull
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Layer, Mesh
from keyhole.data.streetcam.plate import PLATE_SIZE

_FRONT: Point = (0.97, 0.0, 0.24)
_REAR: Point = (-0.98, 0.0, 0.2)


def add_front(mesh: Mesh, hull: Hull, car: Vehicle, part: int) -> Point:
    """Add what is on the front and give the middle of its plate."""
    thin, wide = car.lamps
    low, high = 0.66 - 0.1 * thin, 0.9 + 0.04 * wide
    inner = 0.5 + 0.2 * wide
    _panel(mesh, hull, 1, (-0.55, 0.55), (0.05, 0.2), Stuff.GRILLE, part)
    _panel(mesh, hull, 1, (-inner + 0.06, inner - 0.06), (low + 0.02, high - 0.04), Stuff.GRILLE, part)
    slats = 1 + int(3.99 * thin)
    for slat in range(slats):
        up = low + 0.02 + (slat + 0.5) / slats * (high - low - 0.06)
        _stroke(mesh, hull, 1, (-inner + 0.08, inner - 0.08), up, Stuff.CHROME, part)
    _panel(mesh, hull, 1, (-0.06, 0.06), (0.5 * (low + high) - 0.06, 0.5 * (low + high) + 0.05), Stuff.CHROME, part)
    with mesh.mirrored():
        _lamp(mesh, hull, 1, 1, (inner, 0.99), (low + 0.02, high), Stuff.HEADLAMP, part)
        _panel(mesh, hull, 1, (0.66, 0.84), (0.1, 0.22), Stuff.HEADLAMP, part)
        _panel(mesh, hull, 1, (0.84, 0.97), (low - 0.09, low - 0.02), Stuff.INDICATOR, part)
        _wrap(mesh, hull, 1, 1, 0.28 * (0.5 + wide), (low + 0.04, high), Stuff.HEADLAMP, part)
    _stroke(mesh, hull, 1, (-0.97, 0.97), 0.5 - 0.1 * thin, Stuff.GAP, part)
    return hull.fascia(1, 0.0, 0.36)


def add_rear(mesh: Mesh, hull: Hull, car: Vehicle) -> Point:
    """Add what is on the rear and give the middle of its plate."""
    thin, wide = car.lamps
    upright = car.body in ("hatchback", "estate", "suv", "van", "bus", "truck")
    inner = 0.76 + 0.1 * wide if upright else 0.5 + 0.25 * wide
    low, high = (0.5 + 0.1 * thin, 0.96) if upright else (0.62 + 0.1 * thin, 0.92)
    _panel(mesh, hull, -1, (-0.9, 0.9), (0.06, 0.2), Stuff.TRIM, part=0)
    with mesh.mirrored():
        _lamp(mesh, hull, -1, 1, (inner, 0.995), (low, high), Stuff.TAILLAMP, 0)
        _panel(mesh, hull, -1, ((inner + 0.02), 0.99), (low - 0.07, low), Stuff.INDICATOR, part=0)
        _wrap(mesh, hull, -1, 1, 0.16 + 0.14 * wide, (low, high), Stuff.TAILLAMP, 0)
    _stroke(mesh, hull, -1, (-0.97, 0.97), 0.33, Stuff.GAP, part=0)
    if thin > 0.5:
        _stroke(mesh, hull, -1, (-inner, inner), 0.8, Stuff.CHROME, part=0)
    plate_up = 0.56 if upright else 0.5
    _panel(mesh, hull, -1, (-0.5, 0.5), (plate_up - 0.17, plate_up + 0.17), Stuff.GAP, part=0)
    return hull.fascia(-1, 0.0, plate_up)


def plate_corners(middle: Point, end: int) -> tuple[Point, Point, Point, Point]:
    """Corners of a plate as a reader sees them: upper left, upper right, lower right, lower left."""
    x, y, z = middle
    half, tall = PLATE_SIZE[0] / 2, PLATE_SIZE[1] / 2
    x += 0.03 * end
    return (x, y - end * half, z + tall), (x, y + end * half, z + tall), (x, y + end * half, z - tall), (
        x, y - end * half, z - tall,
    )  # fmt: skip


def _panel(
    mesh: Mesh, hull: Hull, end: int, across: tuple[float, float], up: tuple[float, float], stuff: Stuff, part: int
) -> None:
    left, right = across
    middle = (left + right) / 2
    points = [hull.fascia(end, a, up[0]) for a in (left, middle, right)]
    points += [hull.fascia(end, a, up[1]) for a in (right, middle, left)]
    mesh.polygon(points, _FRONT if end > 0 else _REAR, stuff, Layer.MARKS, part=part)


def _stroke(mesh: Mesh, hull: Hull, end: int, across: tuple[float, float], up: float, stuff: Stuff, part: int) -> None:
    left, right = across
    points = [hull.fascia(end, left + share * (right - left), up) for share in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)]
    mesh.polygon(points, _FRONT if end > 0 else _REAR, stuff, Layer.MARKS, part=part, line=True)


def _lamp(
    mesh: Mesh, hull: Hull, end: int, hand: int, across: tuple[float, float], up: tuple[float, float], stuff: Stuff,
    part: int,
) -> None:  # fmt: skip
    inner, outer = across
    slope = 0.25 * (up[1] - up[0])
    points = [
        hull.fascia(end, hand * inner, up[0] + slope), hull.fascia(end, hand * 0.5 * (inner + outer), up[0]),
        hull.fascia(end, hand * outer, up[0] + 0.5 * slope), hull.fascia(end, hand * outer, up[1]),
        hull.fascia(end, hand * 0.5 * (inner + outer), up[1]), hull.fascia(end, hand * inner, up[1] - slope),
    ]  # fmt: skip
    mesh.polygon(points, (0.9 * end, 0.3 * hand, 0.3), stuff, Layer.MARKS, part=part)
    if end > 0:
        centre = [(0.7 * inner + 0.3 * outer), (0.25 * inner + 0.75 * outer)]
        for place in centre:
            a, b = place - 0.045, place + 0.045
            low, high = up[0] + 0.35 * (up[1] - up[0]), up[0] + 0.8 * (up[1] - up[0])
            eye = [hull.fascia(1, hand * a, low), hull.fascia(1, hand * b, low), hull.fascia(1, hand * b, high)]
            mesh.polygon(
                [*eye, hull.fascia(1, hand * a, high)], (0.5, 0.2 * hand, -0.8), Stuff.CHROME, Layer.MARKS, part=part
            )


def _wrap(
    mesh: Mesh, hull: Hull, end: int, hand: int, reach: float, up: tuple[float, float], stuff: Stuff, part: int
) -> None:
    x = hull.front if end > 0 else hull.rear
    back = x - end * reach
    points = [
        hull.side(x - 0.01 * end, up[0], hand), hull.side(x - 0.01 * end, up[1], hand),
        hull.side(back, up[1], hand), hull.side(0.6 * back + 0.4 * x, up[0] + 0.05, hand),
    ]  # fmt: skip
    mesh.polygon(points, (0.35 * end, 0.92 * hand, 0.15), stuff, Layer.MARKS, part=part)
