"""MSMT17 (Wei et al. 2018), both versions: people before 15 cameras, listed by split.

Training and test number their people from 0 each, and person 0 of one is not that of the other: identities are given as
``train-0`` and ``test-0``. Nobody in it is a distractor.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_LISTS = {
    "train": ("train", "list_train.txt"),
    "train-val": ("train", "list_val.txt"),
    "query": ("test", "list_query.txt"),
    "gallery": ("test", "list_gallery.txt"),
}
_FOLDERS = {"train": ("mask_train_v2", "train"), "test": ("mask_test_v2", "test")}


def _read(files: Files) -> Listing:
    files = files.inside("MSMT17_V2", "MSMT17_V1", "MSMT17", "msmt17")
    folders = {half: files.first(*names) for half, names in _FOLDERS.items()}
    files.need(*(path for _, path in _LISTS.values()))
    entries = []
    for split, (half, path) in _LISTS.items():
        for name, person in files.pairs(path).items():
            words = PurePosixPath(name).stem.split("_")
            if len(words) < 5 or not person.isdecimal():
                raise files.damaged(path, "expected lines such as 0000/0000_000_01_0303morning_0015_0.jpg 0")
            facts = Facts(identity=f"{half}-{person}", camera=words[2], time=words[3])
            picture = f"{folders[half]}/{name}"
            entries.append(Entry(picture, split, files.picture(picture), facts))
    return Listing(tuple(entries))


MSMT17 = Layout(
    title="MSMT17",
    task="person re-identification",
    tree="{mask_train_v2,mask_test_v2}/<identity>/<picture>.jpg (the first version: {train,test}), list_train.txt, "
    "list_val.txt, list_query.txt, list_gallery.txt",
    owner="http://www.pkuvmc.com/publications/msmt17.html (on request)",
    splits=tuple(_LISTS),
    read=_read,
)
