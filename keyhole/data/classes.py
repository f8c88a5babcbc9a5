"""Identities and breeds as classes: their pictures in those to train with and those that are held back."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from keyhole.data.in_memory import read_pictures
from keyhole.data.labelled import LabelledPictures
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.collection import Collection, Joined
from keyhole.data.sets.pools import POOLS
from keyhole.data.sets.tree import tree_at
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

STREETCAM = "streetcam"
VEHICLES, VIEWS = 60, 48
"""Of streetcam, where no flag says otherwise."""
_TESTED = ("test", "val")
"""Splits of an owner's that hold further pictures of the classes of ``train``."""
_PRIVATE: VehiclePool = "private-train"


class ReadClasses(NamedTuple):
    """Pictures of the same classes in two parts that share none.

    Attributes:
        train: to learn from.
        held_back: never learned from; `LabelledPictures` divides them into those to choose by and those to report of.
    """

    train: LabelledPictures
    held_back: LabelledPictures


@dataclass(frozen=True)
class ClassPictures:
    """Pictures of classes, not read yet.

    Attributes:
        pictures: of all classes.
        labels: of each, an index into `names`.
        names: of the classes.
        held_back: places of the pictures that nothing learns from, rising.
        identities: of the pictures, those that are known; for the record of whom a training has seen.
    """

    pictures: Collection
    labels: tuple[int, ...]
    names: tuple[str, ...]
    held_back: tuple[int, ...]
    identities: tuple[str, ...] = ()

    def read(self, size: Size, *, workers: int, folder: Path, console: Console) -> ReadClasses:
        """Draw or read the pictures, fitted to ``size``; arguments as of `keyhole.data.in_memory.read_pictures`.

        Raises:
            UsageError: no picture of a class is left to train with, because files cannot be read.
        """
        pictures, kept = read_pictures(self.pictures, size, workers=workers, folder=folder, console=console)
        labels = torch.tensor([self.labels[index] for index in kept])
        apart = set(self.held_back)
        mask = torch.tensor([index in apart for index in kept])
        whole = LabelledPictures(pictures, labels, self.names)
        read = ReadClasses(whole.some(~mask), whole.some(mask))
        empty = set(range(len(self.names))) - set(read.train.labels.tolist())
        if empty:
            raise UsageError(f"no readable picture of {self.names[min(empty)]} is left to train with")
        return read


@dataclass(frozen=True)
class ClassSource:
    """Whose pictures are classes, and which of them are held back.

    Attributes:
        spec: ``streetcam``, a data set as NAME:PATH, or a folder or zip with a folder of pictures for each class.
        part: of it. Empty: of streetcam the pool ``private-train``; of a data set whose owner has labels and the splits
            ``train`` and ``test``, these; a folder or split named ``private``, whole; else the pool
            ``private``. A name with a slash behind, ``private/``, is the folder or the owner's split, whole.
        vehicles: of streetcam; None: `VEHICLES`.
        views: pictures of each vehicle; None: `VIEWS`.
        share: of each class's pictures that is held back, where the owner does not say.
        seed: of which they are.
    """

    spec: str
    part: str = ""
    vehicles: int | None = None
    views: int | None = None
    share: float = 0.25
    seed: int = 0

    def open(self, size: Size) -> ClassPictures:
        """List the pictures; none is read.

        Args:
            size: that they will be read at, in pixels.

        Raises:
            MissingError: no data there.
            UsageError: a picture without a class, a class with one picture, fewer than two classes, or a share that is
                none.
        """
        if not 0 < self.share < 1:
            raise UsageError(f"a share of {self.share:g} held back: expected more than 0 and less than 1")
        return next(found for opener in _OPENERS if (found := opener(self, size)))


def _streetcam(source: ClassSource, size: Size) -> ClassPictures | None:
    if source.spec != STREETCAM:
        return None
    pool: VehiclePool = source.part or _PRIVATE  # type: ignore[assignment]  # Streetcam refuses what is none
    vehicles, views = source.vehicles or VEHICLES, source.views or VIEWS
    return _divided(source, Passes(Streetcam(pool, drawn_at(size)), vehicles, views))


def _owners(source: ClassSource, size: Size) -> ClassPictures | None:  # noqa: ARG001
    layout = SETS.get(source.spec.partition(":")[0])
    tested = next((split for split in _TESTED if split in layout.splits), None) if layout else None
    if source.part or tested is None or not layout or "train" not in layout.splits:
        return None
    train, held_back = (open_collection(source.spec, split) for split in ("train", tested))
    if any(part.facts(0).label is None for part in (train, held_back)):
        return None
    names, labels = _labelled(source.spec, Joined(train, held_back))
    return ClassPictures(
        Joined(train, held_back), labels, names, tuple(range(len(train), len(labels))), _identities(train)
    )


def _held_back(source: ClassSource, size: Size) -> ClassPictures | None:  # noqa: ARG001
    return _divided(source, open_collection(source.spec, source.part or _whole_or_pool(source.spec)))


def _whole_or_pool(spec: str) -> str:
    """The folder or split ``private``, whole, where there is one; else the pool."""
    pool, root = POOLS[1], Path(spec).expanduser()
    layout = SETS.get(spec.partition(":")[0])
    has_whole = pool in layout.splits if layout else root.exists() and tree_at(root).exists(pool)
    return f"{pool}/" if has_whole else pool


def _divided(source: ClassSource, pictures: Collection) -> ClassPictures:
    names, labels = _labelled(source.spec, pictures)
    places: Mapping[int, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        places[label].append(place)
    single = [names[label] for label, own in places.items() if len(own) < 2]
    if single or len(names) < 2:
        raise UsageError(
            f"{source.spec}: {len(names)} classes, {len(single)} of them with one picture{_such_as(single)}: expected "
            "2 classes or more, each with 2 pictures or more, one of which is held back"
        )
    held_back = {place for label, own in places.items() for place in _drawn(own, names[label], source)}
    return ClassPictures(pictures, labels, names, tuple(sorted(held_back)), _identities(pictures))


def _such_as(names: Sequence[str]) -> str:
    return f", such as {names[0]}" if names else ""


def _drawn(places: Sequence[int], name: str, source: ClassSource) -> list[int]:
    """Those of a class's places that are held back: the same for the same seed, whatever other classes there are."""
    key = hashlib.sha256(f"{source.seed} {name}".encode()).digest()
    count = min(max(1, round(source.share * len(places))), len(places) - 1)
    return random.Random(key).sample(list(places), count)


def _labelled(spec: str, pictures: Collection) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the classes that there are pictures of, and each picture's label among them.

    The set's own label is the class; where it has none, the identity.
    """
    facts, known = [pictures.facts(index) for index in range(len(pictures))], pictures.classes
    own = (
        [None if fact.label is None else known[fact.label] for fact in facts]
        if known
        else [fact.identity for fact in facts]
    )
    classes = [name for name in own if name is not None]
    if len(classes) < len(own):
        raise UsageError(
            f"{spec}: {len(own) - len(classes)} of {len(own)} pictures show no one known class: expected a folder of "
            "pictures for each, or a data set as its owner packs it (`keyhole data sets` lists them)"
        )
    present = dict.fromkeys(classes)
    names = tuple(name for name in pictures.classes if name in present) or tuple(present)
    index = {name: number for number, name in enumerate(names)}
    return names, tuple(index[name] for name in classes)


def _identities(pictures: Collection) -> tuple[str, ...]:
    found = (pictures.facts(index).identity for index in range(len(pictures)))
    return tuple(dict.fromkeys(identity for identity in found if identity is not None))


_OPENERS: tuple[Callable[[ClassSource, Size], ClassPictures | None], ...] = (_streetcam, _owners, _held_back)
"""The first that knows the data opens it; the last knows all."""
