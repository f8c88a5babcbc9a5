"""Stanford Dogs (Khosla et al. 2011), and any set of class folders with the same kind of lists."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath

import numpy as np

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_LISTS = {"train": ("train_list.mat", "lists/train_list.mat"), "test": ("test_list.mat", "lists/test_list.mat")}


def _read(files: Files) -> Listing:
    found = files.pictures("Images")
    classes = tuple(sorted({path.parts[0] for path in found}))
    index = {name: number for number, name in enumerate(classes)}
    listed = {"all": list(map(str, found))}
    if any(files.exists(path) for paths in _LISTS.values() for path in paths):
        listed = {split: _listed(files, files.first(*paths)) for split, paths in _LISTS.items()}
    entries = []
    for split, names in listed.items():
        for name in names:
            folder = PurePosixPath(name).parts[0]
            if folder not in index:
                raise files.missing(f"Images/{name}")
            entries.append(Entry(name, split, files.picture(f"Images/{name}"), Facts(label=index[folder])))
    return Listing(tuple(entries), classes)


def _listed(files: Files, path: str) -> list[str]:
    from scipy.io import loadmat  # noqa: PLC0415 - slow to import, and only these lists need it

    names = files.parsed(path, partial(loadmat, squeeze_me=True))["file_list"]
    return [str(name) for name in np.atleast_1d(names)]


DOGS = Layout(
    title="Stanford Dogs",
    task="classification, 120 breeds",
    tree="Images/<class>/<picture>.jpg, and train_list.mat with test_list.mat for the owner's splits",
    owner="http://vision.stanford.edu/aditya86/ImageNetDogs/",
    splits=("train", "test", "all"),
    read=_read,
)
