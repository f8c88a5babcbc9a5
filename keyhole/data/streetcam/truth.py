"""What a picture gives away, measured on the map of faces: only what can be seen counts."""

from __future__ import annotations

from keyhole.data.sample import Box, Corners
from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.journey import Journey
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.raster import Map, Pose, Projected
from keyhole.data.streetcam.samples import FINE
from keyhole.data.streetcam.shot import Secrets


def secrets_in(
    trip: Journey, model: Model, pose: Pose, view: View, face_map: Map, both: Projected, shown: list[int],
    sign_corners: tuple[Point, ...] | None, clear: bool,
) -> Secrets:  # fmt: skip
    """The secrets of a picture.

    Args:
        trip: the plate, the sign and the people.
        model, pose, view: what was drawn, in the picture's pixels.
        face_map: face numbers plus one, twice as fine as the picture; a sign is the last face.
        both: the projected faces.
        shown: plates that were drawn.
        sign_corners: the sign's corners in the world.
        clear: whether neither mist nor motion makes a plate unreadable.
    """
    plate_box, plate_corners, legible = None, None, False
    for face in shown:
        a, b, c, d = (both.pixels[both.faces.start[face] : both.faces.start[face] + 4] / FINE).tolist()
        corners: Corners = (a[0], a[1]), (b[0], b[1]), (c[0], c[1]), (d[0], d[1])
        seen = int((face_map == face + 1).sum()) / FINE**2
        plate_box, legible = _read(list(corners), seen, view.size, 30.0, 6.5)
        plate_corners = corners if plate_box else None
    sign_box, sign_legible = None, False
    if sign_corners:
        spots = [view.pixel(point)[:2] for point in sign_corners]
        seen = int((face_map == len(both.faces.count)).sum()) / FINE**2
        sign_box, sign_legible = _read(spots, seen, view.size, 20.0, 6.0)
    x, y, z = model.driver
    return Secrets(
        plate=trip.plate,
        plate_box=plate_box,
        plate_corners=plate_corners,
        plate_legible=legible and clear,
        occupants=trip.people,
        driver_box=_head((x, y, z), pose, view, face_map, both),
        passenger_box=_head((x, -y, z), pose, view, face_map, both),
        sign=trip.sign,
        sign_box=sign_box,
        sign_legible=sign_legible,
    )


def _read(
    corners: list[tuple[float, float]], seen: float, size: int, wide: float, tall: float
) -> tuple[Box | None, bool]:
    """Box of a label, and whether it is large and whole enough to be read."""
    if seen < 1:
        return None, False
    (ax, ay), (bx, by), (_, _), (dx, dy) = corners
    across, down = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, ((dx - ax) ** 2 + (dy - ay) ** 2) ** 0.5
    area = abs((bx - ax) * (dy - ay) - (by - ay) * (dx - ax))
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    inside = min(*xs, *ys) >= 0 and max(*xs, *ys) <= size
    box = (min(xs), min(ys), max(xs), max(ys))
    return box, inside and across >= wide and down >= tall and seen >= 0.9 * area


def _head(place: Point, pose: Pose, view: View, numbers: Map, both: Projected) -> Box | None:
    x, y, scale = view.pixel(pose.point(place))
    column, row = int(x * FINE), int(y * FINE)
    if not (0 <= column < numbers.shape[1] and 0 <= row < numbers.shape[0]):
        return None
    face = int(numbers[row, column]) - 1
    if face < 0 or both.faces.stuff[face] != int(Stuff.GLASS):
        return None
    half = 0.14 * scale
    return (x - half, y - half, x + half, y + half)
