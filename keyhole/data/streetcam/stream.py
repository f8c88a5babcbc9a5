"""Streetcam as an endless stream of samples and as a finite set, with the truth about each picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch

from keyhole.data.sample import Sample, eight_bit
from keyhole.data.sets.collection import PictureFacts, Record
from keyhole.data.streetcam.camera import CAMERAS, Camera, camera
from keyhole.data.streetcam.identity import Vehicle, vehicle
from keyhole.data.streetcam.keyed_random import Draw
from keyhole.data.streetcam.model import build
from keyhole.data.streetcam.passage import Passage, caption, frame, passage, stand
from keyhole.data.streetcam.pools import VehiclePool, identity_range, style
from keyhole.data.streetcam.raster import Pose
from keyhole.data.streetcam.render import Setting, render
from keyhole.data.streetcam.shot import Shot, secret_labels
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, height_width

SIZES = (64, 128, 256)


def drawn_at(size: Size) -> int:
    """The side that pictures of ``size`` pixels are drawn with, before they are fitted: the next of `SIZES`."""
    return next((side for side in SIZES if side >= max(height_width(size))), SIZES[-1])


@dataclass(frozen=True)
class Streetcam:
    """Pictures of the vehicles of one pool.

    Attributes:
        pool: which vehicles; pools share none.
        size: side of the pictures in pixels: 64, 128 or 256.
        seed: of the order, the weather, the secrets: everything but vehicles and cameras.
        world: of the vehicles and the cameras; who trains and who tests must use the same.
        identities: how many of the pool's vehicles drive here.
        secrets: whether samples carry the labels of their secrets, for a referee.

    Raises:
        UsageError: unknown pool or size, or more identities than the pool has.

    >>> shot = Streetcam("audit", size=64).item(0)
    >>> shot.picture.shape, shot.secrets.plate
    ((64, 64, 3), 'A47HST')
    >>> shot.caption
    'a two-tone black van with a roof box on a bridge under a wide sky by day, seen from the right side'
    """

    pool: VehiclePool
    size: int = 128
    seed: int = 0
    world: int = 0
    identities: int = 2**20
    secrets: bool = False

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UsageError(f"streetcam pictures of {self.size} pixels: expected one of {SIZES}")
        most = len(identity_range(self.pool))
        if not 0 < self.identities <= most:
            raise UsageError(f"{self.identities} identities in pool {self.pool!r}: expected 1 … {most}")

    def item(self, index: int) -> Shot:
        """Picture ``index`` (0 …): a random vehicle before a random camera."""
        draw = Draw("item", self.world, self.pool, self.seed, index)
        return self.shot(draw.below(self.identities), draw.below(CAMERAS), index)

    def shot(self, place: int, camera_number: int, index: int = 0) -> Shot:
        """The ``place``-th vehicle of the pool before one of the 24 cameras; ``index`` tells its passes apart."""
        which, car, trip = self._pass(place, camera_number, index)
        return self._take(car, which, trip, (0.0,))[0]

    def caption_of(self, place: int, camera_number: int, index: int = 0) -> str:
        """The caption of `shot`, without drawing it."""
        which, car, trip = self._pass(place, camera_number, index)
        return caption(car, which, trip.hour, trip.weather)

    def caption_at(self, index: int) -> str:
        """The caption of `item`, without drawing it."""
        draw = Draw("item", self.world, self.pool, self.seed, index)
        return self.caption_of(draw.below(self.identities), draw.below(CAMERAS), index)

    def shots_of(self, place: int, count: int = CAMERAS, first: int = 0) -> Iterator[Shot]:
        """Pictures of one vehicle by ``count`` cameras in turn, from camera ``first`` on: probes and gallery."""
        for number in range(first, first + count):
            yield self.shot(place, number % CAMERAS, number)

    def clip(self, place: int, frames: int, camera_number: int = 0, index: int = 0, rate: float = 25.0) -> list[Shot]:
        """Consecutive frames of one vehicle driving through before a camera that stands still, ``rate`` a second."""
        which, car, trip = self._pass(place, camera_number, index)
        moving = replace(trip, speed=0.6 + 0.12 * trip.speed)
        return self._take(car, which, moving, tuple((number - (frames - 1) / 2) / rate for number in range(frames)))

    def clip_item(self, index: int, frames: int, rate: float) -> list[Sample]:
        """Consecutive frames of the vehicle of picture ``index`` before its camera, see `clip`."""
        draw = Draw("item", self.world, self.pool, self.seed, index)
        place, camera_number = draw.below(self.identities), draw.below(CAMERAS)
        return [self._sample(shot) for shot in self.clip(place, frames, camera_number, index, rate)]

    def __iter__(self) -> Iterator[Sample]:
        """Endless samples in the order of `item`; the label is the identity."""
        return (self._sample(self.item(index)) for index in count())

    def _sample(self, shot: Shot) -> Sample:
        picture = torch.from_numpy(shot.picture).permute(2, 0, 1).contiguous()
        secrets = secret_labels(shot) if self.secrets else None
        return Sample(eight_bit(picture), str(shot.identity), secrets, shot.caption)

    def _pass(self, place: int, camera_number: int, index: int) -> tuple[Camera, Vehicle, Passage]:
        look = style(self.pool)
        which = camera(self.world, look.cameras, camera_number)
        number = identity_range(self.pool)[place]
        car = vehicle(self.world, number, look.palette)
        return which, car, passage(Draw("journey", self.world, self.seed, number, camera_number, index), which)

    def _take(self, car: Vehicle, which: Camera, trip: Passage, times: tuple[float, ...]) -> list[Shot]:
        look = style(self.pool)
        setting = Setting(self.world, look.cameras, look.glyphs)
        model = build(car)
        start = stand(model, which, trip)
        view = frame(model, start, which, trip, self.size)
        shots = []
        for number, time in enumerate(times):
            x, y, _ = start.point((trip.speed * time, 0.0, 0.0))
            picture, secrets = render(setting, car, model, which, trip.frame(number), Pose(x, y, start.heading), view)
            shots.append(
                Shot(
                    picture=picture,
                    identity=car.identity,
                    camera=which.number,
                    viewpoint=which.viewpoint,
                    scene=which.scene,
                    weather=trip.weather,
                    hour=trip.hour,
                    caption=caption(car, which, trip.hour, trip.weather),
                    secrets=secrets,
                )
            )
        return shots


@dataclass(frozen=True)
class DrivingBy:
    """The vehicles of a stream as they drive by, one after another.

    Attributes:
        source: which vehicles, in which order.
        frames: of each.
        rate: of the frames, a second.
    """

    source: Streetcam
    frames: int = 12
    rate: float = 4.0

    def __iter__(self) -> Iterator[Sample]:
        return (sample for index in count() for sample in self.source.clip_item(index, self.frames, self.rate))


_STEP = 5
"""Step from one camera of a vehicle to the next, coprime with their number: all 24 come before one comes again."""


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
        """None: vehicles have identities, not labels."""
        return ()

    def __len__(self) -> int:
        return self.vehicles * self.views

    def __getitem__(self, index: int) -> Record:
        shot = self.source.shot(*self._pass(index))
        picture = torch.from_numpy(shot.picture).permute(2, 0, 1).contiguous()
        return Record(picture, PictureFacts(identity=str(shot.identity), camera=str(shot.camera), caption=shot.caption))

    def facts(self, index: int) -> PictureFacts:
        """Identity, camera and caption of picture ``index``, without drawing it."""
        place, camera, view = self._pass(index)
        identity = identity_range(self.source.pool)[place]
        caption = self.source.caption_of(place, camera, view)
        return PictureFacts(identity=str(identity), camera=str(camera), caption=caption)

    def _pass(self, index: int) -> tuple[int, int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        place, view = divmod(index, self.views)
        return place, (place + _STEP * view) % CAMERAS, view
