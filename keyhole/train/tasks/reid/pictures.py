"""Pictures of identities, held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.sets.collection import Collection, PictureFacts
from keyhole.sizes import Size
from keyhole.train.pictures import read


@dataclass(frozen=True)
class IdentifiedPictures:
    """Pictures, who is seen in them and by which camera.

    Attributes:
        pictures: uint8 N×3×size×size.
        identities: N integers from 0 on.
        cameras: N integers; a picture whose camera is not known has one of its own.
    """

    pictures: Tensor
    identities: Tensor
    cameras: Tensor

    @property
    def count(self) -> int:
        """How many identities there are."""
        return int(self.identities.max()) + 1

    @classmethod
    def load(
        cls, collection: Collection, size: Size, *, workers: int, folder: Path, console: Console
    ) -> IdentifiedPictures:
        """Draw or read a collection, fitted to ``size``; what was drawn is kept in a file and read from there.

        Args:
            collection: the pictures, all with an identity.
            size: of the pictures, in pixels.
            workers: processes that draw or read; 0: this one.
            folder: where drawn pictures are kept.
            console: shows the progress.
        """
        pictures, kept = read(collection, size, workers=workers, folder=folder, console=console)
        return cls(pictures, *numbered([collection.facts(index) for index in kept]))


def numbered(facts: Sequence[PictureFacts]) -> tuple[Tensor, Tensor]:
    """Identities and cameras as integers, one of each per picture.

    Cameras that are not known (None) count as all different, so that no gallery entry is dropped for its camera.
    """
    identities = {name: number for number, name in enumerate(sorted({str(known.identity) for known in facts}))}
    names = sorted({known.camera for known in facts if known.camera is not None})
    cameras = {name: number for number, name in enumerate(names)}
    return (
        torch.tensor([identities[str(known.identity)] for known in facts]),
        torch.tensor(
            [
                len(cameras) + index if known.camera is None else cameras[known.camera]
                for index, known in enumerate(facts)
            ]
        ),
    )
