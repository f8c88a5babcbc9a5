"""The secrets of a shot as labels: attribute by attribute, each one of a fixed set of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from keyhole.data.sample import SecretLabels
from keyhole.data.streetcam.driver import (
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


def _greatest(weights: Sequence[tuple[str, float]]) -> float:
    return max(weight for _, weight in weights) / sum(weight for _, weight in weights)


MOST_FREQUENT: Mapping[str, float] = {
    **{
        name: _greatest(weights)
        for name, weights in {"skin": SKINS, "hair": HAIRS, "cut": CUTS, "hat": HATS, "glasses": GLASSES}.items()
    },
    "passenger": max(ACCOMPANIED, 1 - ACCOMPANIED),
}
"""Share of the population that has an attribute's most frequent value: what always saying that value gets."""


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
