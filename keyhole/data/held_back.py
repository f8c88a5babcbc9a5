"""Held-back pictures of classes alone, read one by one beside other work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from keyhole.data.classes import ClassPictures, ClassSource
from keyhole.data.decoding import resize_and_crop
from keyhole.data.in_memory import kept_pictures
from keyhole.data.labelled import LabelledPictures
from keyhole.data.sets.tree import tree_at
from keyhole.sizes import Size

_SPLITS = _TRAIN, _HELD_BACK = "train", "val"


def held_back_pictures(
    source: ClassSource, size: Size, folder: Path | None, *, breathe: Callable[[], object] = lambda: None
) -> LabelledPictures:
    """Pictures that no training has learned from and nothing was chosen by, fitted to ``size``.

    Args:
        source: whose pictures are classes.
        size: in pixels.
        folder: where drawn pictures may have been kept; None: nowhere.
        breathe: called after each picture that is read.

    Raises:
        MissingError: no data there.
        UsageError: a picture cannot be read, or see `ClassSource.open`.
    """
    root = Path(source.spec).expanduser()
    if root.exists() and not source.part and all(map(tree_at(root).exists, _SPLITS)):
        found = LabelledPictures.load(root, _HELD_BACK).for_report()
        return LabelledPictures(_levels(found.pictures, size, breathe), found.labels, found.names)
    classes = source.open(size)
    places = _for_report(classes)
    kept = kept_pictures(classes.pictures, size, folder) if folder else None
    if kept is not None:
        pictures = kept[places]
    else:
        pictures = _levels((classes.pictures[place].picture for place in places), size, breathe)
    return LabelledPictures(pictures, torch.tensor([classes.labels[place] for place in places]), classes.names)


def _for_report(classes: ClassPictures) -> list[int]:
    """Places of the held-back pictures that nothing is chosen by."""
    places = torch.tensor(classes.held_back)
    labels = torch.tensor([classes.labels[place] for place in classes.held_back])
    found: list[int] = LabelledPictures(places, labels, classes.names).for_report().pictures.tolist()
    return found


def _levels(pictures: Iterable[Tensor], size: Size, breathe: Callable[[], object]) -> Tensor:
    """Uint8 pictures, fitted."""
    found = []
    for picture in pictures:
        found.append((resize_and_crop(picture, size) * 255).round().to(torch.uint8))
        breathe()
    return torch.stack(found)
