"""A vehicle in space: x forward, y left, z up, metres, the origin on the ground below its middle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.fascia import add_front, add_rear, plate_corners
from keyhole.data.streetcam.identity import Vehicle
from keyhole.data.streetcam.load import Load
from keyhole.data.streetcam.loft import hull
from keyhole.data.streetcam.marks import add_marks
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Faces, Layer, Mesh
from keyhole.data.streetcam.shapes import Shape, shape
from keyhole.data.streetcam.trim import add_doors, add_mirrors, add_rack, add_wheels


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
