"""Where the vehicle stands and which part of the camera's picture is kept."""

from __future__ import annotations

import math
from dataclasses import replace

from keyhole.data.streetcam.camera import Camera, View, eye_of, look
from keyhole.data.streetcam.draws import Point, cosine, sine
from keyhole.data.streetcam.journey import Journey
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.raster import Pose

_NEAR = 2.3
"""Metres across a near picture of a car."""


def stand(model: Model, camera: Camera, trip: Journey) -> Pose:
    """The vehicle's pose: the end that faces the camera is where a car's would be."""
    along = (2.2 - model.shape.length / 2) * cosine(camera.azimuth)
    wide = model.shape.width / 2 - 0.9
    return Pose(along, trip.aside - wide * sine(camera.azimuth), trip.heading)


def frame(model: Model, pose: Pose, camera: Camera, trip: Journey, size: int) -> View:
    """The view of a vehicle at its usual place; clips keep it while the vehicle moves."""
    eye = eye_of(camera)
    if camera.framing == "near":
        return _near(model, pose, eye, trip, size)
    aim = look(eye, pose.point((0.0, 0.0, 0.42 * model.shape.height)))
    spots = [aim.pixel(pose.point(point)) for point in model.outline]
    ground = [aim.pixel(pose.point((point[0], point[1], 0.0))) for point in model.outline[:8]]
    across = [spot[0] for spot in (*spots, *ground)]
    down = [spot[1] for spot in (*spots, *ground)]
    wide, tall = max(across) - min(across), max(down) - min(down)
    focal = trip.fill * size / max(wide, tall)
    free_x, free_y = (max(0.06, 1 - focal * extent / size) for extent in (wide, tall))
    middle = (
        size * (0.5 + 0.42 * free_x * trip.shift[0]) - focal * (max(across) + min(across)) / 2,
        size * (0.5 + (0.08 + 0.2 * trip.shift[1]) * free_y) - focal * (max(down) + min(down)) / 2,
    )
    return replace(aim, focal=focal, middle=middle, size=size)


def _near(model: Model, pose: Pose, eye: Point, trip: Journey, size: int) -> View:
    """A view of the plate's end with the people above it, or of the front window from the side."""
    shape = model.shape
    angle = math.atan2(eye[1] - pose.y, eye[0] - pose.x) - pose.heading
    large = max(1.0, 0.42 + 0.58 * shape.height / 1.45, shape.width / 1.85)
    across = _NEAR * trip.close * min(large, 1.55)
    ahead = cosine(angle)
    if abs(ahead) < 0.4:
        target: Point = (
            model.driver[0] - 0.1,
            0.4 * shape.width * (1 if sine(angle) > 0 else -1),
            model.driver[2] - 0.25,
        )
    else:
        plate = model.plates[0 if ahead > 0 else 1]
        bottom = plate[3][2]
        height = min(0.52 * shape.height, bottom - 0.12 + 0.42 * across)
        target = (
            plate[0][0] - 0.15 * (1 if ahead > 0 else -1),
            0.12 * shape.width * (1 if sine(angle) > 0 else -1),
            height,
        )
    place = pose.point(target)
    aim = look(eye, place)
    focal = size / (across * aim.pixel(place)[2])
    middle = (size * (0.5 + 0.04 * trip.shift[0]), size * (0.5 + 0.025 * trip.shift[1]))
    return replace(aim, focal=focal, middle=middle, size=size)
