"""One picture: background, shadow, vehicle, weather, sensor, in this order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from keyhole.data.streetcam.camera import Camera, View
from keyhole.data.streetcam.driver import Cabin, draw_occupants
from keyhole.data.streetcam.environment import environment
from keyhole.data.streetcam.identity import Vehicle
from keyhole.data.streetcam.journey import Journey
from keyhole.data.streetcam.light import Light, light
from keyhole.data.streetcam.materials import Stuff, materials
from keyhole.data.streetcam.mesh import join
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.plate import plate_print, sign_print
from keyhole.data.streetcam.props import sign_faces
from keyhole.data.streetcam.raster import Pose, Projected, order, paint, project
from keyhole.data.streetcam.samples import FINE
from keyhole.data.streetcam.scene import background
from keyhole.data.streetcam.sensor import Bytes, Sensor, develop, smear
from keyhole.data.streetcam.shading import Label, shade
from keyhole.data.streetcam.shadow import cast
from keyhole.data.streetcam.shot import Secrets
from keyhole.data.streetcam.truth import secrets_in
from keyhole.data.streetcam.weather import fall, shine


@dataclass(frozen=True)
class Setting:
    """What the pool says: the world's number, the style of textures, and the typeface."""

    world: int
    style: str
    glyphs: str


def render(
    setting: Setting, car: Vehicle, model: Model, camera: Camera, trip: Journey, pose: Pose, view: View
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


def _motion(view: View, pose: Pose, trip: Journey) -> tuple[float, float]:
    x0, y0, _ = view.pixel(pose.point((0.0, 0.0, 0.7)))
    x1, y1, _ = view.pixel(pose.point((trip.speed * trip.exposure_time, 0.0, 0.7)))
    return x1 - x0, y1 - y0


def _interior(
    empty: Image.Image, model: Model, seen: Projected, pose: Pose, view: View, trip: Journey, when: Light
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
