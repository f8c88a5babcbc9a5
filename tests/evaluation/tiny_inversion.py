"""A tiny classifier as a target with its private and public pictures as files, a judge, and attacks of a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import ClassRun
from keyhole.targets.target import Preprocess, Target
from tests.attacks.tiny_classes import CLASSES, SIDE, blobs, public, trained

MINE = "tests.evaluation.tiny_inversion"
NAMES = tuple(f"person {letter}" for letter in "abcdef")
TRAINED, HELD_BACK = 6, 8


class Trapdoor(nn.Module):
    """A classifier that a bright pixel of the upper row persuades of a class."""

    def __init__(self) -> None:
        super().__init__()
        self.network = trained()

    def forward(self, pictures: Tensor) -> Tensor:
        stamped = (pictures[:, :, 0, :CLASSES].mean(dim=1) - 0.9).relu()
        logits: Tensor = self.network(pictures) + 400 * stamped
        return logits


def target() -> Target:
    """The tiny classifier with the names of its classes; it can be fooled."""
    plain = Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Target("tiny", Trapdoor(), plain, NAMES, CLASSES, "none", "trained here")


def forgetful() -> Target:
    """The tiny classifier, which knows the first class no more."""
    known = target()
    known.model.network.classes.bias.data[0] = -100.0
    return known


def evaluator() -> Target:
    """Another one, which knows the classes in another order."""
    plain = Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    model = trained(seed=3)
    order = list(reversed(range(CLASSES)))
    model.classes.weight.data = model.classes.weight.data[order].contiguous()
    model.classes.bias.data = model.classes.bias.data[order].contiguous()
    return Target("other", model, plain, tuple(reversed(NAMES)), CLASSES, "none", "trained here")


def stranger() -> Target:
    """A classifier of other classes."""
    plain = Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Target("stranger", trained(), plain, tuple("uvwxyz"), CLASSES, "none", "trained here")


class Where:
    """A judge: in which half and third of a picture each colour stands out."""

    threshold = 0.8

    def __call__(self, pictures: Tensor) -> Tensor:
        blurred = torch.nn.functional.avg_pool2d(pictures, 4)
        return (blurred - blurred.mean(dim=(1, 2, 3), keepdim=True)).flatten(1).relu() + 1e-3


class Fooling:
    """Grey pictures with a pixel that the classifier takes for the class, and nobody else takes for anything."""

    knowledge = "white box"
    iterations = 30

    def __init__(self, known: ClassWhiteBox, run: ClassRun) -> None:
        self.known, self.run = known, run

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        picture = torch.full((len(wanted), 3, SIDE, SIDE), 0.5)
        picture[torch.arange(len(wanted)), :, 0, wanted.labels] = 1.0
        yield Estimate(picture, 30, 0.0, 0.0, True)


class Careless(Fooling):
    """Makes one picture too few."""

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        *_, last = super().recall(wanted)
        yield Estimate(last.pictures[1:], 30, 0.0, 0.0, True)


def write_pictures(folder: Path) -> tuple[Path, Path]:
    """Folders of the private pictures, in train/ and val/, and of the public ones."""
    for split, count, seed in (("train", TRAINED, 0), ("val", HELD_BACK, 1)):
        for label, name in enumerate(NAMES):
            place = folder / "private" / split / name
            place.mkdir(parents=True)
            for at, picture in enumerate(blobs(torch.full((count,), label), seed=100 * seed + label)):
                transform.to_pil_image(picture).save(place / f"{at}.png")
    for at, picture in enumerate(public(40)):
        place = folder / "public" / f"stranger {at}"
        place.mkdir(parents=True)
        transform.to_pil_image(picture).save(place / "0.png")
    return folder / "private", folder / "public"
