"""A small classifier that is trained by a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from keyhole.data.labelled import LabelledPictures
from keyhole.targets import Preprocess
from keyhole.train.defences.base import DefenceMethod, DefenceStep, DefenceTraining
from keyhole.train.defences.command import DefenceEpochs
from keyhole.train.loop import run_plan
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.split import Split
from keyhole.train.tasks.classification import Classification
from tests.train.patrol_making import SIDE, classifier


@dataclass(frozen=True)
class Shrinking(DefenceMethod):
    """A method from outside of the package: features are kept small."""

    weight: float = 1.0

    def training(self, split: Split) -> DefenceTraining:
        return _Shrinking(self, split)


class _Shrinking(DefenceTraining):
    def __init__(self, settings: Shrinking, split: Split) -> None:
        self.module, self._weight, self._split = split.task.module, settings.weight, split

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        features = self._split.features(step.inputs)
        size = self._weight * features.square().mean()
        return {"task": self._split.prediction_loss(features, step.labels), "size": size}


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


def taught(training: DefenceTraining, split: Split, out: Path, cut: str = "layer1.1") -> None:
    run_plan(DefenceEpochs(training, split, cut, None), out)


def trained(method: DefenceMethod, root: Path, out: Path, epochs: int) -> Split:
    """The classifier after a training by the method."""
    split = split_of(root, epochs)
    taught(method.training(split), split, out)
    return split
