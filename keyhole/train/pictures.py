"""Pictures of a finite set, read once and held in memory."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from keyhole.data.folder import fit
from keyhole.data.sets.record import Collection
from keyhole.terminal import progress_bar
from keyhole.train.cache import cached

_BATCH = 16


def read(collection: Collection, size: int, *, workers: int, folder: Path, console: Console) -> Tensor:
    """Draw or read a collection, fitted to ``size``; what was drawn is kept in a file and read from there.

    Args:
        collection: the pictures.
        size: side of the square pictures in pixels.
        workers: processes that draw or read; 0: this one.
        folder: where drawn pictures are kept.
        console: shows the progress.

    Returns:
        uint8 N×3×size×size.
    """
    return cached(collection, size, folder, lambda: _fresh(collection, size, workers, console))


class _Fitted(Dataset[Tensor]):
    """Pictures of a collection as uint8 3×size×size."""

    def __init__(self, collection: Collection, size: int) -> None:
        self._collection, self._size = collection, size

    def __len__(self) -> int:
        return len(self._collection)

    def __getitem__(self, index: int) -> Tensor:
        return (fit(self._collection[index].picture, self._size) * 255).round().to(torch.uint8)


def _fresh(collection: Collection, size: int, workers: int, console: Console) -> Tensor:
    batches = iter(DataLoader(_Fitted(collection, size), batch_size=_BATCH, num_workers=workers))
    pictures = torch.empty(len(collection), 3, size, size, dtype=torch.uint8)
    done = 0
    with progress_bar(console) as progress:
        bar = progress.add_task("pictures", total=len(collection))
        for batch in batches:
            pictures[done : done + len(batch)] = batch
            done += len(batch)
            progress.advance(bar, len(batch))
    return pictures
