"""Video clips as folders of frames, as DAVIS (Perazzi et al. 2016) has them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_DAVIS = ("JPEGImages/480p", "JPEGImages/Full-Resolution")


def _read(files: Files) -> Listing:
    files = files.inside(*_DAVIS, *(f"DAVIS/{folder}" for folder in _DAVIS))
    numbered = sorted(
        (str(path.parent), _number(files, path), str(path)) for path in files.pictures("") if len(path.parts) > 1
    )
    if not numbered:
        raise files.missing("<sequence>/00000.jpg")
    entries = [
        Entry(name, "all", files.picture(name), Facts(clip=clip, frame=number)) for clip, number, name in numbered
    ]
    return Listing(tuple(entries))


def _number(files: Files, path: PurePosixPath) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise files.damaged(str(path), "a frame's name must hold its number")
    return int(digits[-1])


CLIPS = Layout(
    title="Video clips",
    task="consecutive frames",
    tree="<sequence>/<number>.jpg, or DAVIS with its JPEGImages/480p",
    owner="https://davischallenge.org, or any video as frames",
    splits=("all",),
    read=_read,
)
