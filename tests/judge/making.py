"""Secrets, and a judge that answers what it is told to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from keyhole.data.sample import SecretLabels

LABELS = SecretLabels(
    identity="7",
    plate="AB12CD",
    plate_corners=((10.0, 10.0), (60.0, 12.0), (60.0, 24.0), (10.0, 22.0)),
    plate_legible=True,
    attributes={"hat": "cap", "hair": "red", "passenger": "no"},
    driver_box=(30.0, 5.0, 42.0, 17.0),
    passenger_box=(60.0, 5.0, 72.0, 17.0),
)


def labels(**changes: Any) -> SecretLabels:
    """The secrets of a near picture, with changes."""
    return replace(LABELS, **changes)


class Parrot:
    """Gives the same answers whatever it is shown; an embedding is the mean colour about grey."""

    def __init__(self, plate: str = "AB12XX", hat: str = "cap", hair: str = "black", passenger: str = "no") -> None:
        self.plate = plate
        self.driver = {"hat": hat, "hair": hair, "unheard of": "yes"}
        self.passenger = {"passenger": passenger}
        self.asked: list[tuple[int, ...]] = []

    def embed(self, pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(2, 3)) - 0.5

    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        self.asked.append(tuple(corners.shape))
        return [self.plate] * len(pictures)

    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        self.asked.append(tuple(boxes.shape))
        return [dict(self.driver) for _ in pictures]

    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        self.asked.append(tuple(boxes.shape))
        return [dict(self.passenger) for _ in pictures]
