"""One name or path, one finite set of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.passes import Passes
from keyhole.data.sets.record import Collection
from keyhole.data.sets.table import SETS
from keyhole.data.streetcam.pools import Pool
from keyhole.data.streetcam.stream import Streetcam


def open_collection(spec: str, part: str) -> Collection:
    """Open a finite set of pictures, for training and for probes and galleries.

    Args:
        spec: a data set's name and its path (``veri:/data/VeRi``; `SETS` has the names), the path of a folder or zip
            of pictures, or ``streetcam`` (1000 vehicles, 24 pictures of each at 128 px; other numbers: `Passes`).
        part: of a data set, a pool (``private``, ``public``, ``audit``; see `divide`) or one of the owner's splits
            (``train``, ``query``, …); of a folder, a folder in it, ``public`` or ``audit``; of streetcam, its pools.

    Raises:
        FileNotFoundError: a file or folder is missing; the message says which and where the set is obtained.
        ValueError: no such part, or a damaged file.
    """
    name, _, root = spec.partition(":")
    if name in SETS and root:
        return SETS[name].open(Path(root).expanduser(), part)
    if spec == "streetcam":
        return Passes(Streetcam(cast("Pool", part)))
    return list_folder(Path(spec).expanduser(), part)
