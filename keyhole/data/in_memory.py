"""Finite sets of pictures, read once and held in memory; what was drawn is kept in a file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data import streetcam
from keyhole.data.decoding import UnreadableError, resize_and_crop
from keyhole.data.sets.collection import Collection
from keyhole.data.streetcam.stream import Passes
from keyhole.service.files import replacing
from keyhole.sizes import Size, height_width
from keyhole.terminal import progress_bar

_BATCH = 16
_log = logging.getLogger(__name__)


def read_pictures(
    collection: Collection, size: Size, *, workers: int, folder: Path, console: Console
) -> tuple[Tensor, list[int]]:
    """Draw or read a collection, fitted to ``size``; what was drawn is kept in a file and read from there.

    Files that are missing or cannot be read are named in warnings and left out.

    Args:
        collection: the pictures.
        size: of the pictures, in pixels.
        workers: processes that draw or read; 0: this one.
        folder: where drawn pictures are kept.
        console: shows the progress.

    Returns:
        uint8 N×3×H×W, and the index of each in the collection.

    Raises:
        UnreadableError: no file can be read.
    """
    faults: dict[int, str] = {}
    pictures = cached_pictures(collection, size, folder, lambda: _fresh(collection, size, workers, console, faults))
    for number, fault in enumerate(faults.values(), start=1):
        _log.warning("picture left out (%d of %d): %s", number, len(collection), fault)
    kept = [index for index in range(len(collection)) if index not in faults]
    if not kept:
        raise UnreadableError(f"none of {len(collection)} pictures can be read")
    return (pictures[kept] if faults else pictures), kept


class _Fitted(Dataset[tuple[Tensor, str]]):
    """Pictures of a collection as uint8 3×H×W, each with why it cannot be read, or nothing."""

    def __init__(self, collection: Collection, size: Size) -> None:
        self._collection, self._size = collection, size

    def __len__(self) -> int:
        return len(self._collection)

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        try:
            picture = self._collection[index].picture
        except (FileNotFoundError, UnreadableError) as error:
            return torch.zeros(3, *height_width(self._size), dtype=torch.uint8), str(error)
        return (resize_and_crop(picture, self._size) * 255).round().to(torch.uint8), ""


def _fresh(collection: Collection, size: Size, workers: int, console: Console, faults: dict[int, str]) -> Tensor:
    batches = iter(DataLoader(_Fitted(collection, size), batch_size=_BATCH, num_workers=workers))
    pictures = torch.empty(len(collection), 3, *height_width(size), dtype=torch.uint8)
    done = 0
    with progress_bar(console) as progress:
        bar = progress.add_task("pictures", total=len(collection))
        for batch, told in batches:
            pictures[done : done + len(batch)] = batch
            faults |= {done + place: fault for place, fault in enumerate(told) if fault}
            done += len(batch)
            progress.advance(bar, len(batch))
    return pictures


def cached_pictures(collection: Collection, size: Size, folder: Path, make: Callable[[], Tensor]) -> Tensor:
    """The pictures that ``make`` gives, from a file in ``folder`` where they were made before.

    Only drawn collections are kept: those on disk are read again, since they may have changed.

    Args:
        collection: what the pictures are.
        size: that they are fitted to, in pixels.
        folder: where the file is; it is made where it is missing.
        make: gives uint8 N×3×H×W.
    """
    if not isinstance(collection, Passes):
        return make()
    if (kept := kept_pictures(collection, size, folder)) is not None:
        return kept
    pictures = make()
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(_drawn(collection, size, folder)) as unfinished, unfinished.open("wb") as file:
        np.save(file, pictures.numpy())
    return pictures


def is_kept(collection: Collection, size: Size, folder: Path) -> bool:
    """Whether `kept_pictures` finds the collection."""
    return isinstance(collection, Passes) and _drawn(collection, size, folder).is_file()


def kept_pictures(collection: Collection, size: Size, folder: Path) -> Tensor | None:
    """What `cached_pictures` kept of a drawn collection, uint8 N×3×H×W; None where it is not there."""
    if not isinstance(collection, Passes):
        return None
    path = _drawn(collection, size, folder)
    return torch.from_numpy(np.load(path)) if path.is_file() else None


def _drawn(collection: Passes, size: Size, folder: Path) -> Path:
    return folder / f"pictures-{drawing_key(collection, size)}.npy"


def drawing_key(collection: Passes, size: Size) -> str:
    """16 hexadecimal digits that change with what is drawn: pool, vehicles, views, seeds, sizes, the drawing's code."""
    digest = hashlib.sha256(f"{collection!r} {size}".encode())
    for path in sorted(Path(streetcam.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
