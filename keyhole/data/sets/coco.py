"""COCO (Lin et al. 2014) with captions: each picture has its first one."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_SPLITS = ("train2017", "val2017", "train2014", "val2014")


def _read(files: Files) -> Listing:
    files = files.inside("coco", "COCO")
    entries: list[Entry] = []
    for path in files.some(*(f"annotations/captions_{split}.json" for split in _SPLITS)):
        folder = PurePosixPath(path).stem.removeprefix("captions_")
        files.need(folder)
        annotations = files.parsed(path, json.load)
        captions: dict[int, str] = {}
        for annotation in sorted(annotations["annotations"], key=lambda annotation: int(annotation["id"])):
            captions.setdefault(annotation["image_id"], annotation["caption"].strip())
        for image in sorted(annotations["images"], key=lambda image: int(image["id"])):
            name = f"{folder}/{image['file_name']}"
            facts = Facts(caption=captions.get(image["id"]))
            entries.append(Entry(name, folder[:-4], files.picture(name), facts))
    return Listing(tuple(entries))


COCO = Layout(
    title="COCO",
    task="photographs with captions",
    tree="train2017/<n>.jpg, val2017/<n>.jpg, annotations/captions_{train2017,val2017}.json (2014 likewise)",
    owner="https://cocodataset.org/#download",
    splits=("train", "val"),
    read=_read,
)
