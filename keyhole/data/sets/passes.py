"""Streetcam as a finite set: each vehicle before several cameras."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from keyhole.data.sets.record import Facts, Record
from keyhole.data.streetcam.camera import CAMERAS
from keyhole.data.streetcam.pools import identity_range
from keyhole.data.streetcam.stream import Streetcam
from keyhole.service.errors import UsageError

_STEP = 5
"""From one camera of a vehicle to the next: prime to their number, so that all come before one comes again."""


@dataclass(frozen=True)
class Passes:
    """A `Collection` of the first vehicles of a streetcam pool.

    Attributes:
        source: pool, size and seed.
        vehicles: how many.
        views: pictures of each, by different cameras up to 24.

    Raises:
        ValueError: fewer than one view, or more vehicles than the source has.
    """

    source: Streetcam
    vehicles: int = 1000
    views: int = CAMERAS

    def __post_init__(self) -> None:
        if not 0 < self.vehicles <= self.source.identities or self.views < 1:
            raise UsageError(f"{self.views} views of {self.vehicles} of {self.source.identities} vehicles")

    @property
    def classes(self) -> tuple[str, ...]:
        """None: vehicles are told apart by identity."""
        return ()

    def __len__(self) -> int:
        return self.vehicles * self.views

    def __getitem__(self, index: int) -> Record:
        shot = self.source.shot(*self._pass(index))
        picture = torch.from_numpy(shot.picture).permute(2, 0, 1).contiguous()
        return Record(picture, Facts(identity=str(shot.identity), camera=str(shot.camera), caption=shot.caption))

    def facts(self, index: int) -> Facts:
        """Identity, camera and caption of picture ``index``, without drawing it."""
        place, camera, view = self._pass(index)
        identity = identity_range(self.source.pool)[place]
        caption = self.source.caption_of(place, camera, view)
        return Facts(identity=str(identity), camera=str(camera), caption=caption)

    def _pass(self, index: int) -> tuple[int, int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        place, view = divmod(index, self.views)
        return place, (place + _STEP * view) % CAMERAS, view
