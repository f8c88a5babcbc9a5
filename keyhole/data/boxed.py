"""Pictures of streetcam with a box around each thing that a detector is to find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.decoding import resize_and_crop
from keyhole.data.in_memory import drawing_key
from keyhole.data.sample import Box
from keyhole.data.streetcam.model import build
from keyhole.data.streetcam.passage import frame, stand
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.raster import project
from keyhole.data.streetcam.shot import Shot
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.files import replacing
from keyhole.sizes import Size, height_width
from keyhole.terminal import progress_bar

BOX_CLASSES = ("vehicle", "plate", "person", "sign")
"""Classes of boxes. A person is seen behind glass: the box is that of the head."""
_VEHICLE, _PLATE, _PERSON, _SIGN = range(len(BOX_CLASSES))
_SMALLEST = 2.0
"""Sides in pixels below which a thing counts as not in the picture."""
_STEP = 5
"""Step from one camera of a vehicle to the next, coprime with their number."""


@dataclass(frozen=True)
class Boxes:
    """The things in one picture.

    Attributes:
        labels: K integers, places in `BOX_CLASSES`.
        boxes: K×4, left, top, right, bottom in pixels from the upper left corner, within the picture.
    """

    labels: Tensor
    boxes: Tensor

    def mirrored(self, width: int) -> Boxes:
        """The things in the mirror image of a picture that is ``width`` pixels wide."""
        left, top, right, bottom = self.boxes.unbind(1)
        return Boxes(self.labels, torch.stack((width - right, top, width - left, bottom), 1))


@dataclass(frozen=True)
class BoxedPictures:
    """Pictures and what is in them.

    Attributes:
        pictures: uint8 N×3×H×W.
        truths: N of them.
    """

    pictures: Tensor
    truths: tuple[Boxes, ...]


@dataclass(frozen=True)
class BoxedPasses:
    """Passes of the first vehicles of a pool, each by several cameras in turn.

    Attributes:
        pool: of vehicles.
        vehicles: how many.
        views: pictures of each, by different cameras up to 24.
    """

    pool: VehiclePool
    vehicles: int
    views: int

    def read(self, size: Size, *, workers: int, folder: Path, console: Console) -> BoxedPictures:
        """Draw the pictures, fitted to ``size``; they are kept in a file and read from there the next time.

        Args:
            size: of the pictures, in pixels.
            workers: processes that draw; 0: this one.
            folder: where the file is; it is made where it is missing.
            console: shows the progress.
        """
        passes = Passes(Streetcam(self.pool, drawn_at(size)), self.vehicles, self.views)
        path = folder / f"boxed-{drawing_key(passes, size)}.npz"
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            drawn = _drawn(_Drawing(passes, size), workers, console)
            with replacing(path) as unfinished, unfinished.open("wb") as file:
                np.savez(file, **drawn)
        with np.load(path) as kept:
            pictures, counts = torch.from_numpy(kept["pictures"]), kept["counts"].tolist()
            labels, boxes = (torch.split(torch.from_numpy(kept[name]), counts) for name in ("labels", "boxes"))
        return BoxedPictures(pictures, tuple(map(Boxes, labels, boxes)))


class _Drawing(Dataset[tuple[Tensor, Boxes]]):
    """The passes one by one, fitted to a size."""

    def __init__(self, passes: Passes, size: Size) -> None:
        self._passes, self._size = passes, size
        self._stream = _Located(passes.source.pool, passes.source.size)

    def __len__(self) -> int:
        return len(self._passes)

    def __getitem__(self, index: int) -> tuple[Tensor, Boxes]:
        place, view = divmod(index, self._passes.views)
        camera = (place + _STEP * view) % 24
        shot, vehicle = self._stream.shot(place, camera, view), self._stream.vehicle_box(place, camera, view)
        picture = resize_and_crop(torch.from_numpy(shot.picture).permute(2, 0, 1).contiguous(), self._size)
        return (picture * 255).round().to(torch.uint8), fitted(shot, vehicle, self._size)


class _Located(Streetcam):
    """A stream that knows where its vehicles are."""

    def vehicle_box(self, place: int, camera_number: int, index: int) -> Box:
        """The box around the vehicle of `shot`, whatever of it lies outside of the picture."""
        which, car, trip = self._pass(place, camera_number, index)
        model = build(car)
        pose = stand(model, which, trip)
        corners = project(model.faces, pose, frame(model, pose, which, trip, self.size)).pixels
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return left, top, right, bottom


def fitted(shot: Shot, vehicle: Box, size: Size) -> Boxes:
    """The boxes of a shot when its picture is fitted to ``size``; what is cut off, or all but, is left out."""
    height, width = height_width(size)
    side = max(height, width)
    scale = side / shot.picture.shape[0]
    moved = torch.tensor([-round((side - width) / 2), -round((side - height) / 2)] * 2)
    labels, boxes = zip(*_things(shot, vehicle), strict=True)
    found = scale * torch.tensor(boxes, dtype=torch.float32) + moved
    found[:, 0::2], found[:, 1::2] = found[:, 0::2].clamp(0, width), found[:, 1::2].clamp(0, height)
    kept = (found[:, 2:] - found[:, :2]).amin(1) >= _SMALLEST
    return Boxes(torch.tensor(labels)[kept], found[kept])


def _things(shot: Shot, vehicle: Box) -> Iterator[tuple[int, Box]]:
    secrets = shot.secrets
    yield _VEHICLE, vehicle
    if secrets.plate_box:
        yield _PLATE, secrets.plate_box
    if secrets.driver_box:
        yield _PERSON, secrets.driver_box
    if secrets.passenger_box and secrets.occupants.passenger:
        yield _PERSON, secrets.passenger_box
    if secrets.sign_box:
        yield _SIGN, secrets.sign_box


def _drawn(drawing: _Drawing, workers: int, console: Console) -> dict[str, Any]:
    pictures, truths = [], []
    with progress_bar(console) as progress:
        bar = progress.add_task("pictures", total=len(drawing))
        for picture, truth in DataLoader(drawing, batch_size=None, num_workers=workers):
            pictures.append(picture)
            truths.append(truth)
            progress.advance(bar)
    return {
        "pictures": torch.stack(pictures).numpy(),
        "counts": np.array([len(truth.labels) for truth in truths]),
        "labels": torch.cat([truth.labels for truth in truths]).numpy(),
        "boxes": torch.cat([truth.boxes for truth in truths]).numpy(),
    }


def mean_boxes(truths: Sequence[Boxes]) -> tuple[Boxes, Tensor]:
    """Where things are on average: the best guess of somebody who sees no picture.

    Returns:
        A box for each class that comes at all, and the share of the pictures in which it does, K.
    """
    labels = torch.cat([truth.labels for truth in truths])
    boxes = torch.cat([truth.boxes for truth in truths])
    present = [label for label in range(len(BOX_CLASSES)) if (labels == label).any()]
    means = torch.stack([boxes[labels == label].mean(0) for label in present])
    shares = torch.tensor([sum((t.labels == label).any().item() for t in truths) / len(truths) for label in present])
    return Boxes(torch.tensor(present), means), shares
