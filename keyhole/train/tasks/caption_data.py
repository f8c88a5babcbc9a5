"""Pictures with captions: to learn from, to choose by and to report of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import read_pictures
from keyhole.data.sets.captions import captions_of
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, Subset
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets.membership import TrainedOn
from keyhole.train.settings import TrainSettings

PUBLIC: Final = "public"
_VEHICLES, _VIEWS = 1000, 6
TESTED = 200
"""Vehicles of streetcam that figures are told of, where nothing else is said."""
_HELD_BACK = 0.2
_SELECTED = 0.3
"""Share of those held back that things are chosen by; of streetcam as many vehicles besides."""


@dataclass(frozen=True)
class CaptionedPictures:
    """Pictures held in memory, each with a caption: uint8 N×3×H×W and N texts."""

    pictures: Tensor
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    @classmethod
    def load(
        cls, collection: Collection, size: Size, source: str, settings: TrainSettings, console: Console
    ) -> CaptionedPictures:
        """Draw or read a collection, fitted to ``size``.

        Raises:
            UsageError: a picture without a caption.
        """
        captions_of(collection, range(len(collection)), source, "this training")
        folder = settings.pictures or settings.out
        pictures, kept = read_pictures(collection, size, workers=settings.workers, folder=folder, console=console)
        return cls(pictures, tuple(captions_of(collection, kept, source, "this training")))


@dataclass(frozen=True)
class CaptionParts:
    """Pictures in three parts; no identity, nor picture without one, is in two of them.

    Attributes:
        train: to learn from.
        selection: what settings and epochs are chosen by.
        report: what figures are told of.
        trained_on: who is seen in those to learn from.
    """

    train: CaptionedPictures
    selection: CaptionedPictures
    report: CaptionedPictures
    trained_on: TrainedOn


def read_captioned(settings: TrainSettings, console: Console) -> CaptionParts:
    """The pictures that the flags name. Of streetcam, other pools' vehicles are held back; of everything else a fifth.

    Raises:
        MissingError: no data there.
        UsageError: pictures without captions, or too few.
    """
    parts = (_streetcam if settings.data == STREETCAM else _held_back)(settings)
    train, source = parts[0], settings.data
    seen = TrainedOn.of(source, filter(None, (train.facts(index).identity for index in range(len(train)))))
    read = [CaptionedPictures.load(part, settings.size, source, settings, console) for part in parts]
    return CaptionParts(read[0], read[1], read[2], seen)


def _streetcam(settings: TrainSettings) -> tuple[Collection, Collection, Collection]:
    pool: VehiclePool = settings.part or PUBLIC  # type: ignore[assignment]  # Streetcam refuses what is none
    tested, views = settings.held_out or TESTED, settings.views or _VIEWS
    plan: Sequence[tuple[VehiclePool, int]] = (
        (pool, settings.identities or _VEHICLES),
        ("private-test", max(1, round(_SELECTED * tested))),
        ("private-report", tested),
    )
    train, selection, report = (Passes(Streetcam(each, drawn_at(settings.size)), count, views) for each, count in plan)
    return train, selection, report


def _held_back(settings: TrainSettings) -> tuple[Collection, Collection, Collection]:
    pictures = open_collection(settings.data, settings.part or PUBLIC)
    keys = [pictures.facts(index).identity or f"picture {index}" for index in range(len(pictures))]
    names = sorted(set(keys))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    count = settings.held_out or round(_HELD_BACK * len(names))
    selected = round(_SELECTED * count)
    if not 0 < selected < count < len(names):
        raise UsageError(
            f"{settings.data}: {len(names)} pictures or identities, {count} of them held back to measure by: expected "
            "4 or more held back and 1 to train with (--held-out)"
        )
    shuffled = [names[place] for place in order]
    parts = [set(shuffled[count:]), set(shuffled[:selected]), set(shuffled[selected:count])]
    train, selection, report = (
        Subset(pictures, tuple(place for place, key in enumerate(keys) if key in part)) for part in parts
    )
    return train, selection, report
