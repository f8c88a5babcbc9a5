"""The base of tasks that a target is trained for: data, module, loss and measures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from keyhole.targets.membership import TrainedOn
from keyhole.targets.settings import TaskName
from keyhole.targets.target import Preprocess
from keyhole.train.recipe import TrainingRecipe


class Batch(NamedTuple):
    """One step's data.

    Attributes:
        inputs: N×3×H×W, normalised; or what the module takes, N×….
        labels: N integers, classes, identities or numbers of pictures.
    """

    inputs: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Outputs:
    """The answers of a finished target, for its card.

    Attributes:
        labels: name of each class; empty for an embedding.
        embedding: length of the embedding; None for classes.
    """

    labels: tuple[str, ...] = ()
    embedding: int | None = None


def batches_in(pictures: int, batch: int) -> int:
    """Batches of an epoch. A last one of a single picture is left out: it has no variance that a batch norm could take,
    and another picture is left in the next epoch.

    >>> batches_in(16, 8), batches_in(17, 8), batches_in(18, 8), batches_in(1, 8), batches_in(3, 1)
    (2, 2, 3, 1, 3)
    """
    whole, left = divmod(pictures, batch)
    return whole + (left > 1 or (left == 1 and not whole))


class Task(ABC):
    """Data, module and loss of a training, and the measures of its result.

    Attributes:
        kind: what the finished target is for.
        module: the network that the loop trains.
        recipe: its hyper-parameters.
        steps: batches in an epoch.
        preprocess: of the finished target.
        data: one line on the training pictures, for the card.
        outputs: what the finished target answers with.
        tested_on: how many identities and pictures the figures are measured on, by name, for the card; with
            ``selection_`` before the name, those of the selection.
        stored: names of the tensors to store; None: all.
        backbone: of the card, where others are not stored.
        trained_on: the identities of the training pictures; empty where they are classes, or no source shows them.
    """

    kind: ClassVar[TaskName] = "classification"
    module: nn.Module
    recipe: TrainingRecipe
    steps: int
    preprocess: Preprocess
    data: str
    outputs: Outputs
    tested_on: Mapping[str, int] = MappingProxyType({})
    stored: frozenset[str] | None = None
    backbone: Mapping[str, str] = MappingProxyType({})
    trained_on: TrainedOn = TrainedOn()

    @abstractmethod
    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch.

        Args:
            size: shorter side of the pictures in this epoch.
            generator: the only source of randomness, so that a resumed epoch is the same.
        """

    @abstractmethod
    def loss(self, answers: Any, labels: Tensor) -> Tensor:
        """The loss of the module's answers to a batch: a scalar."""

    @abstractmethod
    def network(self, module: nn.Module) -> nn.Module:
        """The target: the part of a trained module that is kept."""

    def target(self, network: nn.Module) -> nn.Module:
        """Of `network`, the part whose weights are stored."""
        return network

    def write_beside(self, network: nn.Module, folder: Path) -> Sequence[str]:  # noqa: ARG002
        """Write into a folder what belongs to the target and is not in its weights; return the names there."""
        return ()

    @abstractmethod
    def assess(self, network: nn.Module, size: int) -> str:
        """The target's quality in a few words, on pictures of shorter side ``size`` that it was not trained on and no
        figure is told of: settings and epochs may be chosen by it."""

    @abstractmethod
    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """Figures for the card by name, in percent, measured on pictures that the target was not trained on and nothing
        was chosen by; a name that ends in ``_selection`` is of those that things are chosen by."""
