"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the Python version, through torchvision."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10, CIFAR100

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts


def _read(which: Any, files: Files) -> Listing:
    files = files.inside(which.base_folder)
    names = [name for name, _ in (*which.train_list, *which.test_list)]
    files.need(*names, which.meta["filename"])
    folder = files.root / files.under
    if not folder.is_dir() or folder.resolve().name != which.base_folder:
        raise files.damaged("", f"expected an unpacked folder of the name {which.base_folder}")
    entries: list[Entry] = []
    classes: tuple[str, ...] = ()
    for split in ("train", "test"):
        try:
            data = which(folder.resolve().parent, train=split == "train", download=False)
        except RuntimeError as error:
            raise files.damaged("", "a file's MD5 sum is not that of the owner's") from error
        classes = tuple(data.classes)
        entries += [
            Entry(f"{split}/{index:05d}", split, partial(_picture, data.data, index), Facts(label=int(label)))
            for index, label in enumerate(data.targets)
        ]
    return Listing(tuple(entries), classes)


def _picture(data: npt.NDArray[np.uint8], index: int) -> Tensor:
    return torch.from_numpy(data[index].copy()).permute(2, 0, 1).contiguous()


CIFAR_10 = Layout(
    title="CIFAR-10",
    task="classification, 10 classes, 32 px",
    tree="cifar-10-batches-py/{data_batch_1 … data_batch_5, test_batch, batches.meta}, unpacked",
    owner="https://www.cs.toronto.edu/~kriz/cifar.html (cifar-10-python.tar.gz)",
    splits=("train", "test"),
    read=partial(_read, CIFAR10),
)
CIFAR_100 = Layout(
    title="CIFAR-100",
    task="classification, 100 classes, 32 px",
    tree="cifar-100-python/{train, test, meta}, unpacked",
    owner="https://www.cs.toronto.edu/~kriz/cifar.html (cifar-100-python.tar.gz)",
    splits=("train", "test"),
    read=partial(_read, CIFAR100),
)
