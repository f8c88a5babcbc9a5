"""Data sets by name, and one function that opens any finite set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from keyhole.data.sets.classification import CIFAR_10, CIFAR_100, CUB, DOGS, IMAGENET
from keyhole.data.sets.collection import Collection
from keyhole.data.sets.faces import CELEBA, FACESCRUB
from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.inversion import CELEBA_DIFF_MI, CHESTXRAY_DIFF_MI, CUB_DIFF_MI
from keyhole.data.sets.layout import DataSetLayout
from keyhole.data.sets.medical import CHESTXRAY_14
from keyhole.data.sets.reidentification import DUKE_MTMC, MARKET_1501, MSMT17, VERI, VERI_WILD
from keyhole.data.sets.scenes import CLIPS, COCO
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam

SETS: Mapping[str, DataSetLayout] = {
    "celeba": CELEBA,
    "celeba-diff-mi": CELEBA_DIFF_MI,
    "chestxray14": CHESTXRAY_14,
    "chestxray14-diff-mi": CHESTXRAY_DIFF_MI,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "clips": CLIPS,
    "coco": COCO,
    "cub": CUB,
    "cub-diff-mi": CUB_DIFF_MI,
    "dogs": DOGS,
    "dukemtmc": DUKE_MTMC,
    "facescrub": FACESCRUB,
    "imagenet": IMAGENET,
    "market1501": MARKET_1501,
    "msmt17": MSMT17,
    "veri": VERI,
    "veri-wild": VERI_WILD,
}


def open_collection(spec: str, part: str) -> Collection:
    """Open a finite set of pictures: for training, or as probes and gallery.

    Args:
        spec: a data set's name and its path (``veri:/data/VeRi``; `SETS` has the names), the path of a folder or zip
            of pictures, or ``streetcam`` (1000 vehicles, 24 pictures of each at 128 px; other numbers: `Passes`).
        part: of a data set, a pool (``private``, ``public``, ``audit``; see `divide`) or one of the owner's splits
            (``train``, ``query``, …); of a folder, a folder in it, ``public`` or ``audit``; of streetcam, its pools.

    Raises:
        MissingError: a file or folder is missing; the message says which and where the set is obtained.
        UsageError: no such part, or a damaged file.

    >>> collection = open_collection("streetcam", "audit")
    >>> len(collection), collection.facts(0).caption
    (24000, 'a black SUV with a roof box in a parking garage, seen from the front')
    """
    name, _, root = spec.partition(":")
    if name in SETS and root:
        return SETS[name].open(Path(root).expanduser(), part)
    if spec == "streetcam":
        return Passes(Streetcam(cast("VehiclePool", part)))
    return list_folder(Path(spec).expanduser(), part)
