"""VeRi-776 (Liu et al. 2016): vehicles before 20 cameras; the file name says which and where."""

from __future__ import annotations

import re

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_FOLDERS = {"train": "image_train", "query": "image_query", "gallery": "image_test"}
_NAME = re.compile(r"(?P<identity>\d+)_(?P<camera>c\d+)_(?P<frame>\d+)_\d+")


def _read(files: Files) -> Listing:
    files = files.inside("VeRi", "VeRi-776", "veri")
    files.need(*_FOLDERS.values())
    entries = []
    for split, folder in _FOLDERS.items():
        for path in files.pictures(folder):
            parsed = _NAME.fullmatch(path.stem)
            if not parsed:
                raise files.damaged(f"{folder}/{path}", "expected a name such as 0001_c001_00016450_0.jpg")
            facts = Facts(identity=parsed["identity"], camera=parsed["camera"], frame=int(parsed["frame"]))
            entries.append(Entry(path.name, split, files.picture(f"{folder}/{path}"), facts))
    return Listing(tuple(entries))


VERI = Layout(
    title="VeRi-776",
    task="vehicle re-identification",
    tree="{image_train,image_query,image_test}/<identity>_c<camera>_<frame>_<n>.jpg",
    owner="https://github.com/JDAI-CV/VeRidataset (on request)",
    splits=tuple(_FOLDERS),
    read=_read,
)
