"""A small classifier that is trained by a method."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from keyhole.targets import Preprocess
from keyhole.train.defences.method import Lesson, Method
from keyhole.train.defences.training import Defending
from keyhole.train.loop import learn
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.split import Split
from keyhole.train.tasks.classifier import Classification, LabelledPictures
from tests.train.patrol_making import SIDE, classifier


def split_of(
    root: Path, epochs: int, network: nn.Module | None = None, cut: str = "layer1.1", **recipe: object
) -> Split:
    """A classifier of ``root/train|val``, cut."""
    network = network or classifier()
    network.requires_grad_(True)
    data = [LabelledPictures.load(root, name) for name in ("train", "val")]
    how = TrainingRecipe(
        **{"stages": ((SIDE, epochs),), "batch": 16, "learning_rate": 0.01, "optimiser": "adamw", **recipe}
    )
    task = Classification(network, *data, Preprocess(SIDE), how)
    return Split.of(task, network, cut, seed=0)


def taught(lesson: Lesson, split: Split, out: Path, cut: str = "layer1.1") -> None:
    learn(Defending(lesson, split, cut, None), out)


def trained(method: Method, root: Path, out: Path, epochs: int) -> Split:
    """The classifier after a training by the method."""
    split = split_of(root, epochs)
    taught(method.lesson(split), split, out)
    return split
