"""Rendering of one picture (background, shadow, vehicle, weather, sensor) and measurement of its secrets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from keyhole.data.sample import Box, Corners
from keyhole.data.streetcam.camera import Camera, View
from keyhole.data.streetcam.identity import Vehicle
from keyhole.data.streetcam.keyed_random import Point
from keyhole.data.streetcam.lettering import SIGN_SIZE, plate_print, sign_print
from keyhole.data.streetcam.light import Light, environment, light
from keyhole.data.streetcam.materials import Stuff, materials
from keyhole.data.streetcam.mesh import Faces, Layer, Mesh, join
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.occupants import Cabin, draw_occupants
from keyhole.data.streetcam.passage import Passage
from keyhole.data.streetcam.raster import FINE, Map, Pose, Projected, order, paint, project
from keyhole.data.streetcam.scene import background
from keyhole.data.streetcam.sensor import Bytes, Sensor, develop, fall, shine, smear
from keyhole.data.streetcam.shading import Label, cast, shade
from keyhole.data.streetcam.shot import Secrets


@dataclass(frozen=True)
class Setting:
    """Setting of a pool: the world's number, the style of textures, and the typeface."""

    world: int
    style: str
    glyphs: str


def render(
    setting: Setting, car: Vehicle, model: Model, camera: Camera, trip: Passage, pose: Pose, view: View
) -> tuple[Bytes, Secrets]:
    """Draw one picture, size×size×3 bytes, and say what is secret in it."""
    when = light(camera.scene, trip.hour, trip.weather)
    wet = trip.surface.wet > 0 and camera.scene not in ("snow field", "garage")
    cloudy = trip.cloudy if trip.weather == "clear" else 0.35
    empty = background(setting.world, setting.style, camera.scene, camera.place, view, when, cloudy, wet)
    fine = view.times(FINE)

    faces, sign_corners = model.faces, None
    if trip.sign:
        sign, sign_corners = sign_faces(fine, pose, trip.sign_place, _depth(fine) + 0.5 * model.shape.width + 2.6)
        faces = join(faces, sign)
    seen = project(faces, pose, fine)
    sequence = order(seen, pose, fine)
    face_map = paint(seen, sequence, fine, 0.011 * fine.pixel((pose.x, pose.y, 0.8))[2])

    interior = _interior(empty, model, seen, pose, fine, trip, when)
    stuff, plate = faces.stuff.tolist(), int(Stuff.PLATE)
    plates = [face for face in sequence if stuff[face] == plate]
    labels = [Label(face, plate_print(trip.plate, setting.glyphs)) for face in plates]
    if trip.sign:
        labels.append(Label(len(faces.count) - 1, sign_print(trip.sign, setting.glyphs)))
    table = materials(car, headlamps=when.lamps, braking=trip.speed < 3)
    mirror = environment(setting.world, camera.scene, when)
    layer = shade(face_map, seen, table, labels, interior, mirror, fine, when, trip.surface)
    motion = _motion(view, pose, trip)
    small = smear(layer, motion)

    ground = cast(empty, model, pose, view, when).astype(np.uint16)
    cover = 255 - small[..., 3:].astype(np.uint16)
    picture = (small[..., :3] + ground * cover // 255).clip(0, 255)
    if when.lamps:
        picture = _lamps(picture.astype(np.int32), model, pose, view, when, camera.scene == "garage")
    fallen = fall(picture.astype(np.uint8), trip.weather, when, trip.grain)
    dim = min(2.2, max(1.0, when.exposure / 1.6))
    sensor = Sensor(camera.noise * trip.noise * dim, trip.grain, camera.tint, camera.blur * view.size / 128,
                    min(95, camera.quality + trip.quality))  # fmt: skip
    return develop(fallen, sensor), secrets_in(
        trip, model, pose, view, face_map, seen, plates, sign_corners, _clear(view, when, motion)
    )


def _depth(view: View) -> float:
    """Metres from the camera to where vehicles pass."""
    return sum((value - view.eye[i]) * view.forward[i] for i, value in enumerate((0.0, 0.0, 0.8)))


def _clear(view: View, when: Light, motion: tuple[float, float]) -> bool:
    """Whether neither mist nor motion makes the plate unreadable."""
    sharp = max(abs(motion[0]), abs(motion[1])) <= max(1.0, 0.012 * view.size)
    return sharp and when.fog * _depth(view) < 0.3


def _motion(view: View, pose: Pose, trip: Passage) -> tuple[float, float]:
    x0, y0, _ = view.pixel(pose.point((0.0, 0.0, 0.7)))
    x1, y1, _ = view.pixel(pose.point((trip.speed * trip.exposure_time, 0.0, 0.7)))
    return x1 - x0, y1 - y0


def _interior(
    empty: Image.Image, model: Model, seen: Projected, pose: Pose, view: View, trip: Passage, when: Light
) -> Image.Image:
    through = Image.blend(Image.new("RGB", empty.size), empty, 0.55).resize((view.size,) * 2, Image.Resampling.NEAREST)
    dark = int(26 * min(1.0, 1.2 / when.exposure + 0.3))
    interior = Image.new("RGB", (view.size, view.size), (dark, dark, dark + 2))
    mask = Image.new("L", interior.size)
    pen = ImageDraw.Draw(mask)
    flat, start = seen.corner_list(), seen.faces.start.tolist()
    far_glass = (seen.faces.stuff == int(Stuff.GLASS)) & ~seen.facing & (seen.depth > 0.5)
    for face in np.flatnonzero(far_glass).tolist():
        pen.polygon(flat[2 * start[face] : 2 * start[face] + 8], fill=255)
    interior.paste(through, (0, 0), mask)
    ahead, left = pose.point((1.0, 0.0, 0.0)), pose.point((0.0, 1.0, 0.0))
    x, y, z = model.driver
    cabin = Cabin(
        head=pose.point((x, y, z)),
        passenger=pose.point((x, -y, z)),
        forward=(ahead[0] - pose.x, ahead[1] - pose.y, 0.0),
        left=(left[0] - pose.x, left[1] - pose.y, 0.0),
    )
    draw_occupants(interior, view, cabin, trip.people, when, 0.62)
    return interior


def _lamps(
    picture: npt.NDArray[np.int32], model: Model, pose: Pose, view: View, when: Light, inside: bool
) -> npt.NDArray[np.int32]:
    strength = 0.35 if inside else min(1.0, 0.25 + 0.22 * when.exposure)
    for number, lamp in enumerate(model.lamps):
        place = pose.point(lamp)
        out = pose.point((lamp[0] + (1 if number < 2 else -1), lamp[1], lamp[2]))
        towards = sum((view.eye[i] - place[i]) * (out[i] - place[i]) for i in range(3))
        away = sum((view.eye[i] - place[i]) ** 2 for i in range(3)) ** 0.5
        facing = towards / away
        if facing > 0.15:
            x, y, scale = view.pixel(place)
            colour = (250, 240, 215) if number < 2 else (190, 22, 16)
            level = strength * facing * (1.0 if number < 2 else 0.6)
            red, green, blue = (int(value * level) for value in colour)
            shine(picture, (x, y), (0.55 if number < 2 else 0.4) * scale, (red, green, blue))
    return picture.clip(0, 255)


def sign_faces(view: View, pose: Pose, place: tuple[float, float], depth: float) -> tuple[Faces, tuple[Point, ...]]:
    """A sign that turns towards the camera.

    Args:
        view: the camera's view.
        pose: the vehicle's.
        place: the sign's middle, in shares of the picture (right, down).
        depth: metres from the camera.

    Returns:
        The faces in the axes of a vehicle in that pose, the sign itself last, and the sign's corners in the world:
        upper left, upper right, lower right, lower left.
    """
    a = (place[0] * view.size - view.middle[0]) / view.focal * depth
    b = (view.middle[1] - place[1] * view.size) / view.focal * depth
    x, y, z = (
        view.eye[i] + view.right[i] * a + view.up[i] * b + view.forward[i] * depth for i in range(3)
    )  # fmt: skip
    z = max(z, 1.1)
    rx, ry = view.right[0], view.right[1]
    half, tall = SIGN_SIZE[0] / 2, SIGN_SIZE[1] / 2
    corners: tuple[Point, ...] = (
        (x - half * rx, y - half * ry, z + tall), (x + half * rx, y + half * ry, z + tall),
        (x + half * rx, y + half * ry, z - tall), (x - half * rx, y - half * ry, z - tall),
    )  # fmt: skip
    normal = (-view.forward[0], -view.forward[1], 0.3)
    post: list[Point] = [
        (x - 0.04 * rx, y - 0.04 * ry, 0.0), (x + 0.04 * rx, y + 0.04 * ry, 0.0),
        (x + 0.04 * rx, y + 0.04 * ry, z + tall), (x - 0.04 * rx, y - 0.04 * ry, z + tall),
    ]  # fmt: skip
    mesh = Mesh()
    mesh.polygon([pose.back(point) for point in post], pose.back_turn(normal), Stuff.POLE, Layer.BACKDROP)
    mesh.polygon([pose.back(point) for point in corners], pose.back_turn(normal), Stuff.SIGN, Layer.BACKDROP)
    return mesh.faces(), corners


def secrets_in(
    trip: Passage, model: Model, pose: Pose, view: View, face_map: Map, both: Projected, shown: list[int],
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
