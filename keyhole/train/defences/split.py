"""The target under training, as head and tail."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from accelerate import PartialState
from torch import Tensor, nn

from keyhole.nn.memory_layout import MemoryLayout
from keyhole.sizes import side_of
from keyhole.train.defences.patrol.blocks import Blocks, paths_in
from keyhole.train.defences.patrol.surrogate import denormalised
from keyhole.train.task import Task


@dataclass(frozen=True, eq=False)
class Split:
    """A task's module in two parts, which share its weights and its mode.

    Attributes:
        task: data, module and prediction loss.
        blocks: head and tail, and the shape of what crosses.
        size: side of the target's pictures in pixels.
        seed: of all random choices.
    """

    task: Task
    blocks: Blocks
    size: int
    seed: int

    @classmethod
    def of(cls, task: Task, network: nn.Module, cut: str, seed: int) -> Self:
        """Take the task's module apart, on the device that it will be trained on.

        Args:
            task: data and module.
            network: the target as the module holds it.
            cut: where its head ends.
            seed: of all random choices.

        Raises:
            CutError: no such cut, or more than one tensor crosses.
        """
        device, size = PartialState().device, side_of(task.preprocess.size, "training")
        module = task.module.to(device)
        MemoryLayout.of(module).module(module)
        example = torch.zeros(1, 3, size, size, device=device)
        blocks = Blocks.of(module, paths_in(module, network, (cut,)), example)
        return cls(task, blocks, size, seed)

    def features(self, inputs: Tensor) -> Tensor:
        """What crosses the cut of normalised pictures N×3×size×size."""
        crossing: Tensor = self.blocks.head(inputs)[-1]
        return crossing

    def deployed(self, inputs: Tensor) -> Tensor:
        """The same of a head that does not learn: without gradient, in eval mode, in which it stays."""
        self.blocks.head.eval()
        with torch.no_grad():
            return self.features(inputs)

    def prediction_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """The task's loss of what the tail makes of what crossed."""
        return self.task.loss(self.blocks.tail(features), labels)

    def pictures(self, inputs: Tensor) -> Tensor:
        """Normalised inputs as RGB pictures in [0, 1]."""
        return denormalised(inputs, self.task.preprocess)

    def freeze_head(self) -> None:
        """From now on the head takes no gradients."""
        self.blocks.head.requires_grad_(False)

    def freeze(self) -> None:
        """From now on no weight of the task's module takes gradients, nor a classifier of identities, which knows them
        where the recipe has a teaching."""
        self.task.module.requires_grad_(False)

    def typical(self) -> Tensor:
        """Features of one batch of training pictures, N×…, as the target makes them now."""
        generator = torch.Generator().manual_seed(self.seed)
        (batch,) = islice(self.task.batches(self.size, generator), 1)
        learns = self.task.module.training
        features = self.deployed(batch.inputs.to(PartialState().device))
        self.task.module.train(learns)
        return features
