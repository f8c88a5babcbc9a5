"""The secrets of a shot as labels: attribute by attribute, each one of a fixed set of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from keyhole.data.secrets import SecretLabels
from keyhole.data.streetcam.driver import Cut, Glasses, Hair, Hat, Occupants, Skin
from keyhole.data.streetcam.shot import Shot

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


def secret_labels(shot: Shot) -> SecretLabels:
    """What a referee is told of a shot."""
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
