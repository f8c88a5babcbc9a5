"""Reconstructions of classes as files, as ``keyhole invert --out`` leaves them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from keyhole.data.in_memory import read_pictures
from keyhole.data.labelled import LabelledPictures
from keyhole.data.sets.folders import list_folder
from keyhole.service.errors import UsageError
from keyhole.sizes import Size


def read_reconstructions(root: Path, names: tuple[str, ...], size: Size, console: Console) -> LabelledPictures:
    """The pictures ``root/CLASS/NUMBER.png``, fitted to a size, with their classes.

    Args:
        root: the folder.
        names: of the classes; a folder has one of them, or its number.
        size: in pixels.
        console: shows the progress.

    Raises:
        MissingError: there are none.
        UsageError: a folder's name is no class, by name or number.
    """
    listing = list_folder(root, "all")
    facts = [listing.facts(index).label for index in range(len(listing))]
    own = [class_of("" if label is None else listing.classes[label], names) for label in facts]
    wrong = next((place for place, label in enumerate(own) if label is None), None)
    if wrong is not None:
        raise UsageError(
            f"{root}/{listing.entries[wrong].name}: expected CLASS/NUMBER.png, with a class by its "
            f"name, such as {names[0]!r}, or its number, 0 to {len(names) - 1}"
        )
    pictures, kept = read_pictures(listing, size, workers=0, folder=root, console=console)
    return LabelledPictures(pictures, torch.tensor([own[index] for index in kept]), names)


def class_of(folder: str, names: Sequence[str]) -> int | None:
    """The class that a folder is named after: a name, or a number that may have more behind a dash; None: none.

    >>> class_of("dog", ("cat", "dog")), class_of("0000-cat", ("cat", "dog")), class_of("7", ("cat", "dog"))
    (1, 0, None)
    """
    if folder in names:
        return list(names).index(folder)
    number = re.match(r"(\d+)(-|$)", folder)
    return int(number[1]) if number and int(number[1]) < len(names) else None
