"""Fittings of the hull: lamps, grille and bumper, door gaps, mirrors, wheels and the rack."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from keyhole.data.streetcam.hull import Hull
from keyhole.data.streetcam.identity import Vehicle, Wheels
from keyhole.data.streetcam.keyed_random import Point, circle, cosine, sine
from keyhole.data.streetcam.lettering import PLATE_SIZE
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Layer, Mesh
from keyhole.data.streetcam.shapes import Shape

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


def add_doors(mesh: Mesh, hull: Hull, car: Vehicle, part: int) -> None:
    """Gaps between the doors, handles and the sill's crease, on both sides."""
    shape, length = hull.shape, hull.front - hull.rear
    span = shape.roof_front - shape.roof_rear
    posts = [shape.roof_front - share * span for share in shape.pillars]
    first = 0.4 * shape.roof_front + 0.6 * shape.cowl
    gaps = [first, *posts] if car.body != "bus" else [0.93, 0.86, 0.5, 0.43]
    with mesh.mirrored():
        normal = (0.0, 1.0, 0.0)
        for share in gaps:
            x = hull.rear + share * length
            line = [hull.side(x, up, 1) for up in (0.08, 0.3, 0.62, 1.0)]
            mesh.polygon(line, normal, Stuff.GAP, Layer.MARKS, part=part, line=True)
        crease = [hull.side(hull.rear + share * length, 0.3, 1) for share in (0.06, 0.3, 0.5, 0.7, 0.94)]
        mesh.polygon(crease, normal, Stuff.GAP, Layer.MARKS, part=part, line=True)
        for share in posts[: 2 if car.body != "bus" else 0]:
            x = hull.rear + (share + 0.012) * length
            handle = [hull.side(x + dx, up, 1) for dx, up in ((0, 0.8), (0.2, 0.8), (0.2, 0.86), (0, 0.86))]
            mesh.polygon(handle, (0.0, 0.8, 0.6), Stuff.CHROME, Layer.MARKS, part=part)


def add_mirrors(mesh: Mesh, hull: Hull, part: int) -> None:
    """A mirror on each side of the windscreen."""
    shape = hull.shape
    x = hull.rear + (0.75 * shape.cowl + 0.25 * shape.roof_front) * (hull.front - hull.rear)
    y, z = hull.section(x)[3]
    z += 0.06 if shape.cab == 0 and shape.length < 6 else 0.35
    with mesh.mirrored():
        near, far = (y - 0.02), (y + 0.2)
        front: list[Point] = [(x + 0.07, near, z), (x + 0.04, far, z + 0.02), (x + 0.04, far, z + 0.13)]
        back: list[Point] = [(x - 0.05, near, z), (x - 0.07, far, z + 0.02), (x - 0.07, far, z + 0.13)]
        top: list[Point] = [(x + 0.06, near, z + 0.12), front[2], back[2], (x - 0.06, near, z + 0.12)]
        faces: tuple[tuple[list[Point], Point, Stuff], ...] = (
            ([*front, (x + 0.06, near, z + 0.12)], (0.9, 0.3, 0.2), Stuff.BODY),
            ([*back, (x - 0.06, near, z + 0.12)], (-1, 0, 0), Stuff.GRILLE),
            ([front[1], front[2], back[2], back[1]], (0, 1, 0), Stuff.BODY),
            (top, (0, 0, 1), Stuff.BODY),
        )
        for points, normal, stuff in faces:
            mesh.polygon(points, normal, stuff, Layer.TOP, part=part, side=1)


def add_wheels(mesh: Mesh, hull: Hull, car: Vehicle, whole: Shape) -> None:
    """Arches and wheels on both sides, and the underside between them."""
    length, radius = whole.length, whole.radius
    half = 0.5 * whole.width
    mesh.box(
        (-0.46 * length, -0.8 * half, 0.1), (0.46 * length, 0.8 * half, whole.sill + 0.05), Stuff.DARK, Layer.UNDER
    )
    for share in whole.axles:
        x = (share - 0.5) * length
        with mesh.mirrored():
            within = hull.rear <= x <= hull.front
            y = hull.side(x, 0.5, 1)[1] if within else 0.97 * half
            _tread(mesh, x, y, radius)
            if within:
                flare = Stuff.TRIM if car.body in ("suv", "pickup") and car.lamps[0] > 0.4 else Stuff.DARK
                _arch(mesh, hull, x, y + 0.002, 1.24 * radius, flare)
                _arch(mesh, hull, x, y + 0.004, 1.13 * radius, Stuff.DARK)
            _disc(mesh, x, y, radius, car.wheels)


def add_rack(mesh: Mesh, hull: Hull, car: Vehicle, part: int) -> None:
    """Rails, cross bars or a box on the roof."""
    if car.rack == "none" or car.body == "bus":
        return
    shape, length = hull.shape, hull.front - hull.rear
    rear, front = (hull.rear + share * length for share in (shape.roof_rear + 0.02, shape.roof_front - 0.03))
    y, top = 0.42 * shape.width * shape.roof, shape.height
    with mesh.mirrored():
        rail = ((rear, y - 0.02, top - 0.03), (front, y + 0.02, top + 0.045))
        mesh.box(rail[0], rail[1], Stuff.CHROME if car.lamps[1] > 0.5 else Stuff.TRIM, Layer.ROOF, part)
    if car.rack == "rails":
        return
    for share in (0.25, 0.72):
        x = rear + share * (front - rear)
        mesh.box((x - 0.03, -y, top + 0.04), (x + 0.03, y, top + 0.085), Stuff.TRIM, Layer.ROOF, part)
    if car.rack == "box":
        a, b = rear + 0.12 * (front - rear), rear + 0.9 * (front - rear)
        low, high = top + 0.09, top + 0.36
        for inset, base, cap in ((0.0, low, 0.5 * (low + high)), (0.06, 0.5 * (low + high), high)):
            mesh.box(
                (a + inset, -0.5 * y + inset, base),
                (b - 2 * inset, 0.75 * y - inset, cap),
                Stuff.TRIM,
                Layer.ROOF,
                part,
            )


def _tread(mesh: Mesh, x: float, y: float, radius: float) -> None:
    inner = y - (0.22 if y > 0 else -0.22)
    lower = circle(14)[7:]
    for (c0, s0), (c1, s1) in pairwise((*lower, (1.0, 0.0))):
        points: list[Point] = [
            (x + radius * c0, y, radius + radius * s0), (x + radius * c1, y, radius + radius * s1),
            (x + radius * c1, inner, radius + radius * s1), (x + radius * c0, inner, radius + radius * s0),
        ]  # fmt: skip
        mesh.polygon(points, (c0 + c1, 0.0, s0 + s1), Stuff.TYRE, Layer.UNDER)


def _arch(mesh: Mesh, hull: Hull, x: float, y: float, radius: float, stuff: Stuff) -> None:
    sill = hull.section(x)[0][1]
    wheel = hull.shape.radius
    points = [(x + radius * c, y, max(sill, wheel + radius * s)) for c, s in circle(24)]
    hand = 1 if y > 0 else -1
    mesh.polygon(points, (0.0, float(hand), 0.0), stuff, Layer.MARKS, side=hand)


def _disc(mesh: Mesh, x: float, y: float, radius: float, wheels: Wheels) -> None:
    hand = 1 if y > 0 else -1
    for stuff, out, outline in _wheel(wheels):
        place = y + out * hand
        points = [(x + radius * u, place, radius + radius * v) for u, v in outline]
        mesh.polygon(points, (0.0, 0.97 * hand, 0.2), stuff, Layer.WHEELS, side=hand)


@lru_cache(maxsize=64)
def _wheel(wheels: Wheels) -> tuple[tuple[Stuff, float, tuple[tuple[float, float], ...]], ...]:
    """Outlines of a wheel of radius 1, from the tyre inwards: material, metres outwards, corners."""

    def ring(size: float, corners: int) -> tuple[tuple[float, float], ...]:
        return tuple((size * c, size * s) for c, s in circle(corners))

    rim = wheels.rim
    parts = [(Stuff.TYRE, 0.0, ring(1.0, 24)), (Stuff.RIM, 0.005, ring(rim, 20))]
    if wheels.spokes:
        parts.append((Stuff.RIM_DARK, 0.006, ring(0.87 * rim, 20)))
        step = math.tau / wheels.spokes
        wide = 0.5 * wheels.spread * step
        corners = ((0.2, -wide), (0.9, -0.5 * wide), (0.9, 0.5 * wide), (0.2, wide))
        for spoke in range(wheels.spokes):
            angle = spoke * step + 0.3
            outline = tuple((far * rim * cosine(angle + turn), far * rim * sine(angle + turn)) for far, turn in corners)
            parts.append((Stuff.RIM, 0.008, outline))
    if wheels.ring:
        parts += [(Stuff.RIM_DARK, 0.009, ring(0.5 * rim, 14)), (Stuff.RIM, 0.01, ring(0.4 * rim, 14))]
    return (*parts, (Stuff.CHROME, 0.012, ring(0.2 * rim, 10)))
