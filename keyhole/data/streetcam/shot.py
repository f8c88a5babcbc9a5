"""A picture of streetcam, its secrets, and their labels for a referee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from keyhole.data.sample import Box, Corners, SecretLabels
from keyhole.data.streetcam.occupants import (
    ACCOMPANIED,
    CUTS,
    GLASSES,
    HAIRS,
    HATS,
    SKINS,
    Cut,
    Glasses,
    Hair,
    Hat,
    Occupants,
    Skin,
)

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Secrets:
    """Secrets of a picture besides the vehicle's identity.

    Attributes:
        plate: six glyphs.
        plate_box: left, top, right, bottom of the plate in pixels; None where it is not in the picture.
        plate_corners: the plate's corners in pixels as read: upper left, upper right, lower right, lower left; None
            where there is no box.
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


DRIVER: Mapping[str, tuple[str, ...]] = {
    "skin": get_args(Skin),
    "hair": get_args(Hair),
    "cut": get_args(Cut),
    "hat": get_args(Hat),
    "glasses": get_args(Glasses),
}
"""Attributes of the driver and their values."""
PASSENGER: Mapping[str, tuple[str, ...]] = {"passenger": ("no", "yes")}
"""Whether there is a passenger."""


def _greatest(weights: Sequence[tuple[str, float]]) -> float:
    return max(weight for _, weight in weights) / sum(weight for _, weight in weights)


MOST_FREQUENT: Mapping[str, float] = {
    **{
        name: _greatest(weights)
        for name, weights in {"skin": SKINS, "hair": HAIRS, "cut": CUTS, "hat": HATS, "glasses": GLASSES}.items()
    },
    "passenger": max(ACCOMPANIED, 1 - ACCOMPANIED),
}
"""Share of the population with an attribute's most frequent value: the accuracy of always guessing that value."""


def secret_labels(shot: Shot) -> SecretLabels:
    """The labels of a shot for a referee."""
    secrets = shot.secrets
    return SecretLabels(
        identity=str(shot.identity),
        plate=secrets.plate,
        plate_corners=secrets.plate_corners,
        plate_legible=secrets.plate_legible,
        attributes=_attributes(secrets.occupants),
        driver_box=secrets.driver_box,
        passenger_box=secrets.passenger_box,
    )


def _attributes(people: Occupants) -> dict[str, str]:
    driver: dict[str, str] = {name: getattr(people.driver, name) for name in DRIVER}
    return driver | {"passenger": "yes" if people.passenger else "no"}
