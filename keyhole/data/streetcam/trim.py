"""What is fixed to the hull: door gaps, handles, mirrors, arches, wheels and the rack."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from keyhole.data.streetcam.draws import Point, circle, cosine, sine
from keyhole.data.streetcam.identity import Vehicle, Wheels
from keyhole.data.streetcam.loft import Hull
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Layer, Mesh
from keyhole.data.streetcam.shapes import Shape


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
