"""True pictures of streetcam with their secret labels, drawn once and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.streetcam.camera import CAMERAS, VIEWPOINTS
from keyhole.data.streetcam.lettering import ALPHABET, GLYPHS
from keyhole.data.streetcam.shot import DRIVER, PASSENGER, Shot, secret_labels
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.reading import near_head, near_plate
from keyhole.train.cache import cached_tensors

UNKNOWN = -1
PLATE_WIDTH, HEAD_WIDTH = 26.0, 7.0
"""Smaller ones than the judge is asked about are learned from too."""
_STRIDE = 7
_SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_BOX = (0.0, 0.0, 1.0, 1.0)
_FIELDS = ("pictures", "identities", "plates", "corners", "drivers", "driver_boxes", "passengers", "passenger_boxes")


@dataclass(frozen=True)
class DrawingPlan:
    """Plan of the pictures that are drawn.

    Attributes:
        identities, views: so many vehicles before so many cameras each, for the embedding.
        near: so many further vehicles, one near picture of each.
        seed: of the passes.
        size: side of the pictures in pixels.
    """

    identities: int
    views: int
    near: int
    seed: int
    size: int = 128

    def __len__(self) -> int:
        return self.identities * self.views + self.near


@dataclass(frozen=True)
class TruePictures:
    """Pictures and what is in them; `UNKNOWN` where a label is not to be seen.

    Attributes:
        pictures: RGB bytes, N×3×S×S.
        identities: N, from 0; unknown for those that only plates and people are learned from.
        plates: N×6 numbers in the alphabet.
        corners: of the plates, N×4×2 pixels.
        drivers: N×A numbers of the values of `keyhole.data.streetcam.shot.DRIVER`.
        driver_boxes: N×4 pixels.
        passengers: N×1.
        passenger_boxes: N×4 pixels.
    """

    pictures: Tensor
    identities: Tensor
    plates: Tensor
    corners: Tensor
    drivers: Tensor
    driver_boxes: Tensor
    passengers: Tensor
    passenger_boxes: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> TruePictures:
        """These pictures with every tensor changed alike, such as cut to some of them."""
        return TruePictures(**{name: change(getattr(self, name)) for name in _FIELDS})

    def to(self, device: torch.device) -> TruePictures:
        """These pictures on another device."""
        return self.each(lambda tensor: tensor.to(device))


def true_pictures(plan: DrawingPlan, out: Path, workers: int) -> TruePictures:
    """Draw the pictures of a plan from the pool ``public``, or read them from ``out`` where they are drawn already.

    Args:
        plan: which.
        out: folder that keeps them as ``pictures.safetensors``.
        workers: processes that draw; 0: this one.
    """

    def draw() -> dict[str, Tensor]:
        loader: DataLoader[dict[str, Tensor]] = DataLoader(_Drawn(plan), batch_size=64, num_workers=workers)
        batches = list(track(loader, f"drawing {len(plan)} pictures"))
        return {name: torch.cat([batch[name] for batch in batches]) for name in _FIELDS}

    return TruePictures(**cached_tensors(out / "pictures.safetensors", {"plan": json.dumps(asdict(plan))}, draw))


class _Drawn(Dataset[dict[str, Tensor]]):
    """The pictures of a plan, each drawn when it is asked for."""

    def __init__(self, plan: DrawingPlan) -> None:
        self._plan = plan
        self._source = Streetcam("public", plan.size, plan.seed)

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        plan = self._plan
        further = index - plan.identities * plan.views
        if further >= 0:
            near_camera = further % len(VIEWPOINTS)
            return _example(self._source.shot(plan.identities + further, near_camera), UNKNOWN)
        place, view = divmod(index, plan.views)
        return _example(self._source.shot(place, (place + _STRIDE * view) % CAMERAS, view), place)


def _example(shot: Shot, identity: int) -> dict[str, Tensor]:
    labels = secret_labels(shot)
    corners = near_plate(labels, PLATE_WIDTH)
    driver, passenger = (near_head(box, HEAD_WIDTH) for box in (labels.driver_box, labels.passenger_box))
    glyphs = [ALPHABET.index(glyph) for glyph in labels.plate] if corners else [UNKNOWN] * GLYPHS
    return {
        "pictures": torch.from_numpy(shot.picture).permute(2, 0, 1).contiguous(),
        "identities": torch.tensor(identity),
        "plates": torch.tensor(glyphs),
        "corners": torch.tensor(corners or _SQUARE),
        "drivers": _numbers(labels.attributes, DRIVER, seen=driver is not None),
        "driver_boxes": torch.tensor(driver or _BOX),
        "passengers": _numbers(labels.attributes, PASSENGER, seen=passenger is not None),
        "passenger_boxes": torch.tensor(passenger or _BOX),
    }


def _numbers(values: Mapping[str, str], attributes: Mapping[str, tuple[str, ...]], *, seen: bool) -> Tensor:
    return torch.tensor([known.index(values[name]) if seen else UNKNOWN for name, known in attributes.items()])
