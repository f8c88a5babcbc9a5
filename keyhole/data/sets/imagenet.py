"""ImageNet (ILSVRC 2012): one folder per WordNet id, as torchvision's ``ImageNet`` leaves it."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_META = "meta.bin"
_DEVKIT = "ILSVRC2012_devkit_t12/data/meta.mat"


def _read(files: Files) -> Listing:
    files = files.inside("ILSVRC2012", "imagenet", "ILSVRC/Data/CLS-LOC")
    found = {split: files.pictures(split) for split in files.some("train", "val")}
    for split, paths in found.items():
        for path in paths:
            if len(path.parts) != 2:
                raise files.damaged(f"{split}/{path}", "expected <split>/<wnid>/<picture>; sort the pictures by wnid")
    wnids = _wnids(files) or sorted({path.parts[0] for paths in found.values() for path in paths})
    index = {wnid: number for number, wnid in enumerate(wnids)}
    entries = []
    for split, paths in found.items():
        for path in paths:
            name = f"{split}/{path}"
            if path.parts[0] not in index:
                raise files.damaged(name, f"{path.parts[0]} is none of the {len(wnids)} classes of the devkit")
            entries.append(Entry(name, split, files.picture(name), Facts(label=index[path.parts[0]])))
    return Listing(tuple(entries), tuple(wnids))


def _wnids(files: Files) -> list[str]:
    """The classes in the order of their indices, from the devkit or from what torchvision keeps of it; else none."""
    if files.exists(_META):
        return sorted(files.parsed(_META, partial(torch.load, weights_only=True))[0])
    if files.exists(_DEVKIT):
        from scipy.io import loadmat  # noqa: PLC0415 - slow to import, and only the devkit needs it

        synsets = np.atleast_1d(files.parsed(_DEVKIT, partial(loadmat, squeeze_me=True))["synsets"])
        return sorted(str(synset["WNID"]) for synset in synsets if int(synset["num_children"]) == 0)
    return []


IMAGENET = Layout(
    title="ImageNet",
    task="classification, 1000 classes",
    tree=f"{{train,val}}/<wnid>/<picture>.JPEG, and {_META} or {_DEVKIT} where classes are left out",
    owner="https://image-net.org/download (on request)",
    splits=("train", "val"),
    read=_read,
)
