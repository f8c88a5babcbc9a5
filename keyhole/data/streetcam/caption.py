"""A short sentence on scene and vehicle; it holds no secret."""

from __future__ import annotations

from keyhole.data.streetcam.camera import Camera, Scene
from keyhole.data.streetcam.identity import Body, Vehicle
from keyhole.data.streetcam.light import Weather

_BODIES: dict[Body, str] = {"suv": "SUV", "pickup": "pickup truck"}
_PLACES: dict[Scene, str] = {
    "street": "on a city street", "grassland": "on a gravel road through grassland", "snow field": "on a snow field",
    "bridge": "on a bridge under a wide sky", "garage": "in a parking garage",
}  # fmt: skip
_WEATHERS: dict[Weather, str] = {"clear": "", "rain": " in the rain", "snow": " in falling snow", "fog": " in fog"}
_RACKS = {"none": "", "rails": " with roof rails", "bars": " with a roof rack", "box": " with a roof box"}


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
