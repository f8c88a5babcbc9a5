"""Pictures as the edge sees them, their pools and the labels of their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

Pool = Literal["public", "audit"]
"""``audit``: what the victim shows and attacks are scored on; ``public``: what the attacker may learn from."""


Corner = tuple[float, float]
Corners = tuple[Corner, Corner, Corner, Corner]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SecretLabels:
    """The secrets of one picture and their places, in pixels from its upper left corner: right, then down.

    Attributes:
        identity: who or what the picture shows; empty: unknown.
        plate: glyphs of the number plate; empty: unknown.
        plate_corners: upper left, upper right, lower right, lower left as read; None where the plate is not visible.
        plate_legible: whether the glyphs can be read in this picture.
        attributes: of the people, value by name; a person without a box below is not visible.
        driver_box: left, top, right, bottom of the driver's head; None where nothing shows it.
        passenger_box: the same for the passenger's place, taken or empty.
    """

    identity: str = ""
    plate: str = ""
    plate_corners: Corners | None = None
    plate_legible: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    driver_box: Box | None = None
    passenger_box: Box | None = None

    def scaled(self, factor: float) -> SecretLabels:
        """The labels of the same picture, ``factor`` times as large.

        >>> SecretLabels(driver_box=(10, 8, 20, 18)).scaled(2).driver_box
        (20, 16, 40, 36)
        """
        return replace(
            self,
            plate_corners=self.plate_corners and _corners(self.plate_corners, factor, 0, 0),
            driver_box=self.driver_box and _box(self.driver_box, factor, 0, 0),
            passenger_box=self.passenger_box and _box(self.passenger_box, factor, 0, 0),
        )

    def moved(self, right: float, down: float) -> SecretLabels:
        """The labels of the same picture, shifted by so many pixels to the right and down."""
        return replace(
            self,
            plate_corners=self.plate_corners and _corners(self.plate_corners, 1, right, down),
            driver_box=self.driver_box and _box(self.driver_box, 1, right, down),
            passenger_box=self.passenger_box and _box(self.passenger_box, 1, right, down),
        )


def _corners(corners: Corners, factor: float, right: float, down: float) -> Corners:
    first, second, third, fourth = ((factor * x + right, factor * y + down) for x, y in corners)
    return first, second, third, fourth


def _box(box: Box, factor: float, right: float, down: float) -> Box:
    x, y, end_x, end_y = box
    return factor * x + right, factor * y + down, factor * end_x + right, factor * end_y + down


@dataclass(frozen=True)
class Sample:
    """A picture and what is known of it.

    Attributes:
        picture: RGB in [0, 1], 3×size×size, every value n/255, so that a PNG holds it exactly.
        label: class or identity, where known.
        secrets: what else it gives away, where known and asked for; only the referee is told.
        caption: a sentence on it, where its source has one.
    """

    picture: Tensor
    label: str | None = None
    secrets: SecretLabels | None = None
    caption: str | None = None


def eight_bit(picture: Tensor) -> Tensor:
    """A uint8 picture as float32 in [0, 1]."""
    return picture.float() / 255
