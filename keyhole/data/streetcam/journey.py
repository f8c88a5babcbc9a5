"""What happens to be so when a vehicle passes a camera: hour, weather, dirt, plate, people, framing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keyhole.data.streetcam.camera import Camera, Framing
from keyhole.data.streetcam.draws import Draw
from keyhole.data.streetcam.driver import Occupants, occupants
from keyhole.data.streetcam.light import FIRST_HOUR, LAST_HOUR, Weather
from keyhole.data.streetcam.plate import plate_text, sign_text
from keyhole.data.streetcam.shading import Surface

_FILL: dict[Framing, tuple[float, float]] = {"near": (1.0, 1.0), "middle": (0.84, 0.98), "far": (0.62, 0.82)}


@dataclass(frozen=True)
class Journey:
    """Everything about one pass that is neither the vehicle nor the camera.

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
        plate, sign, people: the secrets; a plate is drawn for each journey, so it says nothing about the identity.
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

    def frame(self, number: int) -> Journey:
        """The same journey with the noise of another frame."""
        return replace(self, grain=(self.grain[0] + 7919 * number, self.grain[1] + 6007 * number))


def journey(draw: Draw, camera: Camera) -> Journey:
    """One pass in front of a camera."""
    weather: Weather = "clear"
    if camera.scene != "garage":
        snow = 3.0 if camera.scene == "snow field" else 1.1
        weather = draw.weighted((("clear", 7.0), ("rain", 1.6), ("snow", snow), ("fog", 0.7)))
    hour = FIRST_HOUR + draw.below(LAST_HOUR - FIRST_HOUR)
    if draw.chance(0.88):
        hour = 8 + draw.below(11)
    snowy = weather == "snow" or (camera.scene == "snow field" and draw.chance(0.4))
    return Journey(
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
