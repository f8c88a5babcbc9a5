"""Questions to a judge: the secrets of reconstructions' truths, where they can be seen, and whose vehicle it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from keyhole.data.sample import Box, Corners, SecretLabels, eight_bit
from keyhole.data.streetcam.camera import FRAMINGS, VIEWPOINTS
from keyhole.data.streetcam.pools import IDENTITIES, POOLS
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.judge import SIDE
from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import check_pictures
from keyhole.metrics.recognition import Views, retrieve

PLATE_WIDTH = 40.0
"""Pixels from a plate's left to its right edge, from which on a view is near: a glyph is then 5 pixels wide or more."""
HEAD_WIDTH = 9.0
"""Pixels across the box of a head, from which on a view is near."""
Enrolment = Callable[[str], Tensor | None]
"""RGB pictures in [0, 1], N×3×H×W, of an identity; None where there are none."""

_OCCASION = 2**30
"""Number of the passes, further on than any stream comes: weather, time and people are not those of its pictures."""
_CAMERAS = range(len(VIEWPOINTS) * FRAMINGS.index("middle"), len(VIEWPOINTS) * FRAMINGS.index("far"))


class SecretReader(Protocol):
    """What reads secrets. Pictures are RGB in [0, 1], N×3×H×W; places are in their pixels."""

    def embed(self, pictures: Tensor) -> Tensor:
        """Embeddings, N×D, near to one another in cosine where the vehicle is the same."""

    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        """The glyphs of N plates whose corners are N×4×2: upper left, upper right, lower right, lower left."""

    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """Attributes of N drivers whose heads are at N×4: left, top, right, bottom."""

    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        """Whether someone sits in N passengers' places, whose heads are, or would be, at N×4."""


def read_secrets(reader: SecretReader, pictures: Tensor, labels: Sequence[SecretLabels]) -> list[Recovery]:
    """Ask the judge for plates and people, where a picture's truth shows them large enough (`near_plate`, `near_head`).

    Args:
        reader: the judge.
        pictures: reconstructions, or truths: RGB in [0, 1], N×3×H×W.
        labels: of the N truths, in pixels of H×W.

    Raises:
        ValueError: values leave [0, 1], or not one label for each picture.
    """
    check_pictures("pictures", pictures)
    if len(labels) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures and the secrets of {len(labels)}")
    plates: dict[int, tuple[str, str]] = {}
    attributes: list[dict[str, tuple[str, str]]] = [{} for _ in labels]
    corners = {place: found for place, label in enumerate(labels) if (found := near_plate(label))}
    if corners:
        read = reader.read_plates(pictures[list(corners)], torch.tensor(list(corners.values())))
        plates = {place: (labels[place].plate, text) for place, text in zip(corners, read, strict=True)}
    for ask, boxes in (
        (reader.read_drivers, [near_head(label.driver_box) for label in labels]),
        (reader.read_passengers, [near_head(label.passenger_box) for label in labels]),
    ):
        seen = {place: box for place, box in enumerate(boxes) if box}
        values = ask(pictures[list(seen)], torch.tensor(list(seen.values()))) if seen else []
        for place, answer in zip(seen, values, strict=True):
            true = labels[place].attributes
            attributes[place] |= {name: (true[name], value) for name, value in answer.items() if name in true}
    return [Recovery(plates.get(place), attributes[place]) for place in range(len(labels))]


def identity_rank_1(probes: Tensor, identities: Sequence[str], gallery: Mapping[str, Tensor]) -> float:
    """Share of reconstructions whose nearest enrolled picture, by cosine, shows the same identity.

    Enrolled pictures are of other occasions than the truths: beside its own truth even a thumbnail would be found, by
    the place and the time of day.

    Args:
        probes: N×D embeddings of reconstructions.
        identities: theirs.
        gallery: K×D embeddings of the enrolled pictures, by identity.

    Returns:
        A fraction in [0, 1]; one over the number of identities by chance.

    Raises:
        ValueError: see `keyhole.metrics.recognition.retrieve`.
    """
    numbers = {identity: number for number, identity in enumerate(gallery)}
    asked = torch.tensor([numbers[identity] for identity in identities])
    enrolled = torch.cat([torch.full((len(gallery[identity]),), numbers[identity]) for identity in numbers])
    here, there = torch.zeros_like(asked), torch.ones_like(enrolled)
    return retrieve(Views(probes, asked, here), Views(torch.cat(list(gallery.values())), enrolled, there)).rank_1


def near_plate(labels: SecretLabels, width: float = PLATE_WIDTH) -> Corners | None:
    """Corners of a plate that is legible and at least ``width`` pixels wide; None where there is none such."""
    corners = labels.plate_corners
    if corners is None or not labels.plate_legible or not labels.plate or not _convex(corners):
        return None
    return corners if math.dist(corners[0], corners[1]) >= width else None


def near_head(box: Box | None, width: float = HEAD_WIDTH) -> Box | None:
    """The box of a head, where it is at least ``width`` pixels wide and high."""
    if box is None or box[2] - box[0] < width or box[3] - box[1] < width:
        return None
    return box


def streetcam_views(identity: str) -> Tensor | None:
    """See `Enrolment`: a vehicle of streetcam from all eight sides, each on an occasion of its own.

    Args:
        identity: its number; None is returned for other words.
    """
    if not identity.isdecimal() or int(identity) >= len(POOLS) * IDENTITIES:
        return None
    return eight_bit(_drawn(int(identity)))


@lru_cache(maxsize=256)
def _drawn(number: int) -> Tensor:
    pool, place = divmod(number, IDENTITIES)
    source = Streetcam(POOLS[pool], SIDE)
    shots = [source.shot(place, camera, _OCCASION) for camera in _CAMERAS]
    return torch.stack([torch.from_numpy(shot.picture).permute(2, 0, 1) for shot in shots])


def _convex(corners: Corners) -> bool:
    """Whether the corners go round clockwise (down is positive), turning the same way at each."""
    turns = []
    for place in range(4):
        (ax, ay), (bx, by), (cx, cy) = (corners[(place + step) % 4] for step in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return min(turns) > 1.0
