"""Pictures of an inversion: private ones of the classes, and the attacker's public ones, which show none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.classes import STREETCAM, ClassSource, ReadClasses
from keyhole.data.in_memory import read_pictures
from keyhole.data.labelled import LabelledPictures, readable
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, Subset
from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.tree import tree_at
from keyhole.data.streetcam.pools import POOLS, VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets.target import Preprocess, Target

SHIFTED: VehiclePool = "public-shifted"
_VIEWS = 4
_SPLITS = ("train", "val")


def read_private(settings: InvertSettings, target: Target, folder: Path, console: Console) -> ReadClasses:
    """The private pictures at the target's size, in those that it learned from and those held back, labelled as the
    target labels them; pictures of classes that the target does not know are left out.

    Args:
        settings: name them.
        target: whose classes they show.
        folder: where drawn pictures are kept.
        console: shows the progress.

    Raises:
        MissingError: no pictures there.
        UsageError: none shows a class of the target.
    """
    size = target.preprocess.size
    if root := _divided_root(settings):
        fit = Preprocess(size).fit
        read = ReadClasses(*(_fitted(LabelledPictures.load(root, split), fit) for split in _SPLITS))
    else:
        found = _source(settings).open(size)
        read = found.read(size, workers=settings.workers, folder=folder, console=console)
    return ReadClasses(*(relabelled(part, target.labels, settings.private) for part in read))


def private_names(settings: InvertSettings, size: Size) -> tuple[str, ...]:
    """Names of the private classes, as targets have them; no picture is read.

    Args:
        settings: name the pictures.
        size: that they are read at, in pixels.

    Raises:
        MissingError: no pictures there.
        UsageError: pictures that show no classes, see `ClassSource.open`.
    """
    root = _divided_root(settings)
    found = list_folder(root, _SPLITS[0]).classes if root else _source(settings).open(size).names
    return tuple(map(readable, found))


def relabelled(pictures: LabelledPictures, names: tuple[str, ...], spec: str) -> LabelledPictures:
    """The pictures whose class is among names, with its place there as the label.

    Raises:
        UsageError: there is none.
    """
    places = {name: place for place, name in enumerate(names)}
    own = [places.get(name, places.get(readable(name), -1)) for name in pictures.names]
    labels = torch.tensor(own)[pictures.labels]
    known = labels >= 0
    if not known.any():
        raise UsageError(
            f"--private {spec}: its classes, such as {pictures.names[0]!r}, are none of the target's, such as "
            f"{names[0]!r}; expected the data that it was trained on"
        )
    return LabelledPictures(pictures.pictures[known], labels[known], names)


def read_public(settings: InvertSettings, size: Size, names: tuple[str, ...], folder: Path, console: Console) -> Tensor:
    """The attacker's pictures, N×3×H×W in [0, 1], always the same in the same order.

    Args:
        settings: name them, and how many there are at most; where there are more, they are taken at even steps.
        size: in pixels.
        names: of the private classes, of which none may be among them.
        folder: where drawn pictures are kept.
        console: shows the progress.

    Raises:
        MissingError: no pictures there.
        UsageError: one shows a private class.
    """
    pictures = _public(settings, size)
    if shared := sorted(_shown(pictures) & set(names)):
        raise UsageError(
            f"--public {settings.public}: it shows {len(shared)} of the private classes, such as {shared[0]!r}; an "
            "attacker's pictures must show none (--public-part says what of them to take)"
        )
    read, _ = read_pictures(pictures, size, workers=settings.workers, folder=folder, console=console)
    return read[: settings.public_n].float() / 255


def _shown(pictures: Collection) -> set[str]:
    """Identities and classes that pictures are known to show, by the names that targets have."""
    known = pictures.classes
    found: set[str | None] = set()
    for index in range(len(pictures)):
        facts = pictures.facts(index)
        found |= {facts.identity, known[facts.label] if known and facts.label is not None else None}
    return {form for name in found if name is not None for form in (name, readable(name))}


def pictures_hash(pictures: Tensor) -> str:
    """Twelve hexadecimal digits that change with pictures."""
    levels = (pictures * 255).round().to(torch.uint8).contiguous()
    return hashlib.sha256(levels.numpy().data).hexdigest()[:12]


def _divided_root(settings: InvertSettings) -> Path | None:
    """The folder or zip of the private pictures where it is divided into train/ and val/; else None."""
    root = Path(settings.private).expanduser()
    return root if root.exists() and not settings.part and all(map(tree_at(root).exists, _SPLITS)) else None


def _source(settings: InvertSettings) -> ClassSource:
    return ClassSource(
        settings.private,
        settings.part,
        settings.identities,
        settings.views,
        settings.held_back,
        settings.private_seed,
    )


def _public(settings: InvertSettings, size: Size) -> Collection:
    count = settings.public_n
    if settings.public == STREETCAM:
        part = settings.public_part or SHIFTED
        pool = next((pool for pool in POOLS if pool == part), None)
        if pool is None:
            raise UsageError(f"--public-part {part}: streetcam has the pools {', '.join(POOLS)}")
        return Passes(Streetcam(pool, drawn_at(size)), -(-count // _VIEWS), min(count, _VIEWS))
    whole = open_collection(settings.public, settings.public_part or "public")
    if len(whole) <= count:
        return whole
    return Subset(whole, tuple(at * len(whole) // count for at in range(count)))


def _fitted(pictures: LabelledPictures, fit: Callable[[Tensor], Tensor]) -> LabelledPictures:
    sized = fit(pictures.pictures.float() / 255)
    return LabelledPictures((sized * 255).round().to(torch.uint8), pictures.labels, pictures.names)
