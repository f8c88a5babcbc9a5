"""Pictures of identities: who is seen in them, by which camera, and which are searched for in which."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.in_memory import read_pictures
from keyhole.data.sets.collection import Collection, PictureFacts, Subset
from keyhole.service.errors import UsageError
from keyhole.sizes import Size


@dataclass(frozen=True)
class Search:
    """Pictures of identities, some of which are searched for among the others.

    Attributes:
        pictures: probes and gallery.
        probes: which of the pictures are searched for.
        gallery: which of the pictures they are searched for in.
    """

    pictures: Collection
    probes: tuple[int, ...]
    gallery: tuple[int, ...]

    @classmethod
    def drawn(cls, pictures: Collection, each: int, seed: int) -> Search:
        """A search for ``each`` random pictures of every identity among its others and all of the rest.

        Raises:
            UsageError: fewer than one probe each, or a picture has no identity.
        """
        return cls(pictures, *divide_views(pictures, each, seed))


@dataclass(frozen=True)
class Parts:
    """Pictures to train with, to choose by and to report of; no identity is in two of the three.

    Attributes:
        train: every identity has two pictures or more.
        report: what figures are told of. Nothing is chosen by it.
        selection: what settings, epochs and the end of a training are chosen by; None: there are too few identities.
    """

    train: Collection
    report: Search
    selection: Search | None = None


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
        pictures, kept = read_pictures(collection, size, workers=workers, folder=folder, console=console)
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


def identities_of(pictures: Collection) -> list[str]:
    """Each picture's identity.

    Raises:
        ValueError: a picture has none.
    """
    identities = [pictures.facts(index).identity for index in range(len(pictures))]
    known = [identity for identity in identities if identity is not None]
    if len(known) < len(identities):
        raise UsageError(
            f"{len(identities) - len(known)} of {len(identities)} pictures show no known identity: expected a folder "
            "of pictures for each (train/, query/ and the like are splits), or a data set as its owner packs it, such "
            "as market1501:PATH (`keyhole data sets` lists them)"
        )
    return known


def paired(pictures: Collection) -> Collection:
    """The pictures whose identity has another picture too; the same collection where all have.

    Raises:
        ValueError: every identity has one picture, or a picture has no identity.
    """
    identities = identities_of(pictures)
    counts = Counter(identities)
    kept = tuple(index for index, identity in enumerate(identities) if counts[identity] > 1)
    if not kept:
        raise UsageError(
            f"each of {len(counts)} identities has one picture: re-identification needs two or more of an identity"
        )
    return pictures if len(kept) == len(pictures) else Subset(pictures, kept)


def places_of(values: Sequence[str], wanted: set[str]) -> tuple[int, ...]:
    """Places of the values that are among ``wanted``."""
    return tuple(index for index, value in enumerate(values) if value in wanted)


def divide_views(pictures: Collection, each: int, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Probes and gallery: ``each`` random pictures of every identity, at most all but one, and the others.

    Raises:
        ValueError: fewer than one probe each, or a picture has no identity.
    """
    if each < 1:
        raise UsageError(f"{each} probes of each identity: expected 1 or more")
    generator = torch.Generator().manual_seed(seed)
    views: dict[str, list[int]] = defaultdict(list)
    for index, identity in enumerate(identities_of(pictures)):
        views[identity].append(index)
    probes: set[int] = set()
    for places in views.values():
        order = torch.randperm(len(places), generator=generator).tolist()
        probes |= {places[place] for place in order[: min(each, len(places) - 1)]}
    return tuple(sorted(probes)), tuple(index for index in range(len(pictures)) if index not in probes)
