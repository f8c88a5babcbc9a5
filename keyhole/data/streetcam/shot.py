"""A picture and what is known of it; what is secret is apart, for a referee alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyhole.data.sample import Box, Corners
from keyhole.data.streetcam.driver import Occupants

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Secrets:
    """What a picture gives away besides the vehicle's identity.

    Attributes:
        plate: six glyphs.
        plate_box: left, top, right, bottom of the plate in pixels; None where it is not in the picture.
        plate_corners: the plate's corners in pixels: upper left, upper right, lower right, lower left as read; None as
            for the box.
        plate_legible: whether its glyphs can be read in this picture.
        occupants: the driver and the passenger.
        driver_box: the driver's head in pixels; None where no glass shows it.
        passenger_box: the passenger's head, or its place where there is no passenger; None where no glass shows it.
        sign: the street sign's four letters; None where there is no sign.
        sign_box: the sign in pixels; None where it is not in the picture.
        sign_legible: whether its letters can be read in this picture.
    """

    plate: str
    plate_box: Box | None
    plate_corners: Corners | None
    plate_legible: bool
    occupants: Occupants
    driver_box: Box | None
    passenger_box: Box | None
    sign: str | None
    sign_box: Box | None
    sign_legible: bool


@dataclass(frozen=True)
class Shot:
    """One picture of one vehicle.

    Attributes:
        picture: RGB bytes, size×size×3.
        identity: the vehicle's number, unique over all pools of a world.
        camera: the camera's number, 0 … 23.
        viewpoint, scene, weather, hour: how it was taken.
        caption: a short sentence on scene and vehicle.
        secrets: for the referee.
    """

    picture: Bytes
    identity: int
    camera: int
    viewpoint: str
    scene: str
    weather: str
    hour: int
    caption: str
    secrets: Secrets
