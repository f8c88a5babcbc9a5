"""Pictures of an inversion: private ones of the classes, and the attacker's public ones, which show none of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.classes import ClassSource, ReadClasses
from keyhole.data.in_memory import is_kept
from keyhole.data.labelled import LabelledPictures, readable
from keyhole.data.public_set import PublicSet
from keyhole.data.sets.collection import Collection
from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.tree import tree_at
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets.target import Preprocess, Target

_SPLITS = ("train", "val")


def read_private(settings: InvertSettings, target: Target, folder: Path, console: Console) -> ReadClasses:
    """The private pictures at the target's size, in those that it learned from and those held back, labelled as the
    target labels them; pictures of classes that the target does not know are left out.

    Args:
        settings: name them.
        target: whose classes they show.
        folder: where drawn pictures are kept; those that the target's training kept are taken from there.
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
        trained = kept_by_training(settings)
        kept = trained if is_kept(found.pictures, size, trained) else folder
        read = found.read(size, workers=settings.workers, folder=kept, console=console)
    return ReadClasses(*(relabelled(part, target.labels, settings.private) for part in read))


def kept_by_training(settings: InvertSettings) -> Path:
    """The target's folder, where its training may have kept the pictures that it drew."""
    return Path(settings.target.partition(":")[2] or settings.target).expanduser()


def private_source(settings: InvertSettings, size: Size) -> Collection | None:
    """The private pictures, of which none is read; None where they are divided into train/ and val/.

    Raises:
        MissingError: no pictures there.
        UsageError: pictures that show no classes, see `ClassSource.open`.
    """
    return None if _divided_root(settings) else _source(settings).open(size).pictures


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
    public = PublicSet(settings.public, settings.public_part, settings.public_count)
    return public.read(size, names, workers=settings.workers, folder=folder, console=console)


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


def _fitted(pictures: LabelledPictures, fit: Callable[[Tensor], Tensor]) -> LabelledPictures:
    sized = fit(pictures.pictures.float() / 255)
    return LabelledPictures((sized * 255).round().to(torch.uint8), pictures.labels, pictures.names)
