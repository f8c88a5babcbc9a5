"""CelebA, CUB-200 and ChestX-ray14 as papers on the inversion of classifiers divide them into private and public
pictures (Li et al. 2024, Diff-MI, §IV-A and §V-D).

Where the paper draws at random it says not which; the draw here is one of a fixed seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data.sets.classification import CUB
from keyhole.data.sets.collection import ListedPicture, Listing
from keyhole.data.sets.faces import CELEBA
from keyhole.data.sets.layout import DataSetLayout, Files
from keyhole.data.sets.medical import CHESTXRAY_14, FINDINGS

PRIVATE, PUBLIC = "private", "public"
CELEBA_PEOPLE, CELEBA_PUBLIC, CELEBA_SIDE = 1000, 30_000, 108
CUB_CLASSES = 50
CHEST_EACH, CHEST_PUBLIC = 2000, 20_000
_SEED = 0


@dataclass(frozen=True)
class CentreCrop:
    """A reader of the square in the middle of a picture.

    Attributes:
        read: gives the whole, uint8 3×H×W.
        side: of the square in pixels, at most that of the picture.
    """

    read: Callable[[], Tensor]
    side: int

    def __call__(self) -> Tensor:
        """uint8 3×side×side."""
        picture = self.read()
        side = min(self.side, *picture.shape[-2:])
        cropped: Tensor = transform.center_crop(picture, [side, side])
        return cropped


@dataclass(frozen=True)
class BoxCrop:
    """A reader of a part of a picture.

    Attributes:
        read: gives the whole, uint8 3×H×W.
        box: left, top, width and height in pixels.
    """

    read: Callable[[], Tensor]
    box: tuple[float, float, float, float]

    def __call__(self) -> Tensor:
        """uint8 3×height×width, at least one pixel each."""
        picture = self.read()
        left, top, width, height = (round(value) for value in self.box)
        left, top = min(left, picture.shape[-1] - 1), min(top, picture.shape[-2] - 1)
        return picture[:, max(0, top) : top + max(1, height), max(0, left) : left + max(1, width)]


def _read_celeba(files: Files) -> Listing:
    """The people with most pictures are private, pictures of others public; the middle of each picture."""
    entries = CELEBA.read(files).entries
    counts = Counter(str(entry.facts.identity) for entry in entries)
    people = set(sorted(counts, key=lambda person: (-counts[person], int(person)))[:CELEBA_PEOPLE])
    mine = [entry for entry in entries if entry.facts.identity in people]
    others = _drawn([entry for entry in entries if entry.facts.identity not in people], CELEBA_PUBLIC)
    return Listing(
        tuple(
            replace(entry, split=split, read=CentreCrop(entry.read, CELEBA_SIDE))
            for split, part in ((PRIVATE, mine), (PUBLIC, others))
            for entry in part
        )
    )


CELEBA_DIFF_MI = DataSetLayout(
    title="CelebA as Diff-MI divides it",
    task="faces: the 1,000 people with most pictures, 30,000 pictures of others; the middle 108 pixels",
    tree=CELEBA.tree,
    owner=CELEBA.owner,
    splits=(PRIVATE, PUBLIC),
    read=_read_celeba,
    people_of="celeba",
)


def _read_cub(files: Files) -> Listing:
    """The first 50 classes are private, the others public; each picture is cropped to its bird."""
    listing = CUB.read(files)
    inside = files.inside("CUB_200_2011")
    names = {name: number for number, name in inside.pairs("images.txt").items()}
    boxes = {number: _box(inside, number, text) for number, text in inside.pairs("bounding_boxes.txt").items()}
    if not boxes.keys() >= set(names.values()):
        raise inside.damaged("bounding_boxes.txt", "its pictures are not those of images.txt")
    entries = (
        replace(
            entry,
            split=PRIVATE if (entry.facts.label or 0) < CUB_CLASSES else PUBLIC,
            read=BoxCrop(entry.read, boxes[names[entry.name]]),
        )
        for entry in listing.entries
    )
    return Listing(tuple(entries), listing.classes)


def _box(files: Files, number: str, text: str) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = map(float, text.split())
    except ValueError as error:
        raise files.damaged("bounding_boxes.txt", f"picture {number}: expected four numbers, got {text!r}") from error
    return left, top, width, height


CUB_DIFF_MI = DataSetLayout(
    title="CUB-200-2011 as Diff-MI divides it",
    task="classification, the first 50 birds, and 150 others; cropped to the bird",
    tree=CUB.tree.replace("classes.txt}", "classes.txt, bounding_boxes.txt}"),
    owner=CUB.owner,
    splits=(PRIVATE, PUBLIC),
    read=_read_cub,
)


def _read_chestxray(files: Files) -> Listing:
    """2,000 pictures of each finding, or all there are, in the owner's train and test splits; a picture with two
    findings may come twice. Public are pictures without a finding, of patients who have none of the others."""
    listing = CHESTXRAY_14.read(files)
    mine: list[ListedPicture] = []
    for label, finding in enumerate(FINDINGS):
        showing = [entry for entry in listing.entries if finding in entry.facts.attributes]
        mine += [
            replace(entry, name=f"{finding}/{entry.name}", facts=replace(entry.facts, label=label))
            for entry in _drawn(showing, CHEST_EACH)
        ]
    patients = {entry.facts.identity for entry in mine}
    healthy = [
        replace(entry, split=PUBLIC)
        for entry in listing.entries
        if not entry.facts.attributes and entry.facts.identity not in patients
    ]
    return Listing((*mine, *_drawn(healthy, CHEST_PUBLIC)), FINDINGS)


CHESTXRAY_DIFF_MI = DataSetLayout(
    title="ChestX-ray14 as Diff-MI divides it",
    task="classification, 14 findings with at most 2,000 pictures each, 20,000 pictures without a finding",
    tree=CHESTXRAY_14.tree,
    owner=CHESTXRAY_14.owner,
    splits=("train", "test", PUBLIC),
    read=_read_chestxray,
    people_of="chestxray14",
)


def _drawn(entries: list[ListedPicture], count: int) -> list[ListedPicture]:
    """So many of the entries at random, or all where there are no more, in their order."""
    chosen = random.Random(_SEED).sample(range(len(entries)), min(count, len(entries)))
    return [entries[place] for place in sorted(chosen)]
