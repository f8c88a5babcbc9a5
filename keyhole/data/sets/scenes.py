"""Sets of scenes: COCO with captions, and video clips as folders of frames."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

from keyhole.data.sets.collection import Listing, PictureFacts
from keyhole.data.sets.layout import DataSetLayout, Files

_COCO_SPLITS = ("train2017", "val2017", "train2014", "val2014")


def _read_coco(files: Files) -> Listing:
    """COCO (Lin et al. 2014): each picture has the first of its captions."""
    files = files.inside("coco", "COCO")
    entries = []
    for path in files.some(*(f"annotations/captions_{split}.json" for split in _COCO_SPLITS)):
        folder = PurePosixPath(path).stem.removeprefix("captions_")
        files.need(folder)
        annotations = files.parsed(path, json.load)
        captions: dict[int, str] = {}
        for annotation in sorted(annotations["annotations"], key=lambda annotation: int(annotation["id"])):
            captions.setdefault(annotation["image_id"], annotation["caption"].strip())
        for image in sorted(annotations["images"], key=lambda image: int(image["id"])):
            facts = PictureFacts(caption=captions.get(image["id"]))
            entries.append(files.listed(f"{folder}/{image['file_name']}", folder[:-4], facts))
    return Listing(tuple(entries))


COCO = DataSetLayout(
    title="COCO",
    task="photographs with captions",
    tree="train2017/<n>.jpg, val2017/<n>.jpg, annotations/captions_{train2017,val2017}.json (2014 likewise)",
    owner="https://cocodataset.org/#download",
    splits=("train", "val"),
    read=_read_coco,
)


_DAVIS = ("JPEGImages/480p", "JPEGImages/Full-Resolution")


def _read_clips(files: Files) -> Listing:
    """Video clips as folders of frames, as DAVIS (Perazzi et al. 2016) has them."""
    files = files.inside(*_DAVIS, *(f"DAVIS/{folder}" for folder in _DAVIS))
    numbered = sorted(
        (str(path.parent), _number(files, path), str(path)) for path in files.pictures("") if len(path.parts) > 1
    )
    if not numbered:
        raise files.missing("<sequence>/00000.jpg")
    entries = [files.listed(name, "all", PictureFacts(clip=clip, frame=number)) for clip, number, name in numbered]
    return Listing(tuple(entries))


def _number(files: Files, path: PurePosixPath) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise files.damaged(str(path), "a frame's name must hold its number")
    return int(digits[-1])


CLIPS = DataSetLayout(
    title="Video clips",
    task="consecutive frames",
    tree="<sequence>/<number>.jpg, or DAVIS with its JPEGImages/480p",
    owner="https://davischallenge.org, or any video as frames",
    splits=("all",),
    read=_read_clips,
)
