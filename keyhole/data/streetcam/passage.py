"""Passages of vehicles before cameras: hour, weather, plate and people, framing and caption."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from keyhole.data.streetcam.camera import Camera, Framing, Scene, View, eye_of, look
from keyhole.data.streetcam.identity import Body, Vehicle
from keyhole.data.streetcam.keyed_random import Draw, Point, cosine, sine
from keyhole.data.streetcam.lettering import plate_text, sign_text
from keyhole.data.streetcam.light import FIRST_HOUR, LAST_HOUR, Weather
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.occupants import Occupants, occupants
from keyhole.data.streetcam.raster import Pose
from keyhole.data.streetcam.shading import Surface

_FILL: dict[Framing, tuple[float, float]] = {"near": (1.0, 1.0), "middle": (0.84, 0.98), "far": (0.62, 0.82)}

_NEAR = 2.3
"""Metres across a near picture of a car."""
_BODIES: dict[Body, str] = {"suv": "SUV", "pickup": "pickup truck"}
_PLACES: dict[Scene, str] = {
    "street": "on a city street", "grassland": "on a gravel road through grassland", "snow field": "on a snow field",
    "bridge": "on a bridge under a wide sky", "garage": "in a parking garage",
}  # fmt: skip
_WEATHERS: dict[Weather, str] = {"clear": "", "rain": " in the rain", "snow": " in falling snow", "fog": " in fog"}
_RACKS = {"none": "", "rails": " with roof rails", "bars": " with a roof rack", "box": " with a roof box"}


@dataclass(frozen=True)
class Passage:
    """One passage of a vehicle before a camera: all that is neither the vehicle nor the camera.

    Attributes:
        hour, weather, cloudy: when, and what the sky does.
        heading: radians off the road's direction.
        aside: metres from the lane's middle.
        fill: share of the picture that the vehicle fills, near pictures apart.
        close: metres across a near picture, as a share of the usual.
        shift: where in the picture the vehicle is, -1 … 1 of what is free.
        speed: metres per second.
        exposure_time: seconds.
        surface: mud, snow, water.
        plate, sign, people: the secrets; a plate is drawn for each passage, so it says nothing about the identity.
        sign_place: where the sign stands, shares of the picture.
        grain: place in the noise; another in every frame.
        noise, quality: how much worse than the camera's usual.
    """

    hour: int
    weather: Weather
    cloudy: float
    heading: float
    aside: float
    fill: float
    close: float
    shift: tuple[float, float]
    speed: float
    exposure_time: float
    surface: Surface
    plate: str
    sign: str | None
    sign_place: tuple[float, float]
    people: Occupants
    grain: tuple[int, int]
    noise: float
    quality: int

    def frame(self, number: int) -> Passage:
        """This passage with the noise of another frame."""
        return replace(self, grain=(self.grain[0] + 7919 * number, self.grain[1] + 6007 * number))


def passage(draw: Draw, camera: Camera) -> Passage:
    """One pass in front of a camera."""
    weather: Weather = "clear"
    if camera.scene != "garage":
        snow = 3.0 if camera.scene == "snow field" else 1.1
        weather = draw.weighted((("clear", 7.0), ("rain", 1.6), ("snow", snow), ("fog", 0.7)))
    hour = FIRST_HOUR + draw.below(LAST_HOUR - FIRST_HOUR)
    if draw.chance(0.88):
        hour = 8 + draw.below(11)
    snowy = weather == "snow" or (camera.scene == "snow field" and draw.chance(0.4))
    return Passage(
        hour=hour,
        weather=weather,
        cloudy=draw.unit(),
        heading=draw.bell(-0.14, 0.14),
        aside=draw.bell(-0.5, 0.5),
        fill=draw.uniform(*_FILL[camera.framing]),
        close=draw.uniform(0.9, 1.12),
        shift=(draw.uniform(-1, 1), draw.uniform(-1, 1)),
        speed=0.0 if draw.chance(0.3) else draw.uniform(2, 16),
        exposure_time=draw.uniform(0.001, 0.009),
        surface=Surface(
            dirt=max(0.0, draw.uniform(-0.6, 0.4)),
            snow=draw.uniform(0.1, 0.5) if snowy else 0.0,
            wet=1.0 if weather == "rain" else 0.0,
        ),
        plate=plate_text(draw),
        sign=sign_text(draw) if draw.chance(0.6) else None,
        sign_place=(draw.pick((draw.uniform(0.14, 0.26), draw.uniform(0.74, 0.86))), draw.uniform(0.1, 0.24)),
        people=occupants(draw),
        grain=(draw.below(1 << 20), draw.below(1 << 20)),
        noise=draw.uniform(0.7, 1.5),
        quality=draw.below(26),
    )


def stand(model: Model, camera: Camera, trip: Passage) -> Pose:
    """The vehicle's pose: the end that faces the camera is where a car's would be."""
    along = (2.2 - model.shape.length / 2) * cosine(camera.azimuth)
    wide = model.shape.width / 2 - 0.9
    return Pose(along, trip.aside - wide * sine(camera.azimuth), trip.heading)


def frame(model: Model, pose: Pose, camera: Camera, trip: Passage, size: int) -> View:
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


def _near(model: Model, pose: Pose, eye: Point, trip: Passage, size: int) -> View:
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


def caption(car: Vehicle, camera: Camera, hour: int, weather: Weather) -> str:
    """For example ``a red sedan with a roof box in a parking garage, seen from the front-left``."""
    body = _BODIES.get(car.body, car.body)
    colour = car.colour if car.two_tone == "none" else f"two-tone {car.colour}"
    article = "an" if colour[0] in "aeiou" else "a"
    rack = _RACKS[car.rack] if car.body != "bus" else ""
    inside = camera.scene == "garage"
    when = "" if inside else f"{_WEATHERS[weather]} {_time(hour)}"
    side = "side" if camera.viewpoint in ("left", "right") else ""
    seen = f"seen from the {camera.viewpoint} {side}".strip()
    return f"{article} {colour} {body}{rack} {_PLACES[camera.scene]}{when}, {seen}"


def _time(hour: int) -> str:
    if hour < 6 or hour > 20:
        return "at night"
    if hour < 8:
        return "in the early morning"
    return "in the evening" if hour > 18 else "by day"
