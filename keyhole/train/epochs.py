"""A task of a target as the loop sees it: a round is an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor, nn

from keyhole.train.optimisers import Optimisation
from keyhole.train.task import Batch, Task
from keyhole.train.training import Round, Training


class Epochs(Training):
    """See `Training`.

    Args:
        task: what is learned; its recipe says how.
    """

    def __init__(self, task: Task) -> None:
        recipe = task.recipe
        self.module = task.module
        self.steps, self.every = recipe.epochs * task.steps, task.steps
        self.optimisation = Optimisation.of(recipe)
        self._task = task

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        recipe, epoch = self._task.recipe, first // self.every
        generator = torch.Generator().manual_seed(recipe.seed * 10_000 + epoch)
        yield from islice(self._task.batches(recipe.size_at(epoch), generator), last - first)

    def losses(self, module: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": self._task.loss(module(batch.inputs), batch.labels)}

    def report(self, module: nn.Module, done: Round) -> str:
        recipe, epoch = self._task.recipe, done.steps // self.every
        size = recipe.size_at(epoch - 1)
        quality = self._task.assess(self._task.network(module), size)
        return (
            f"epoch {epoch}/{recipe.epochs}  {size} px  loss {done.losses['loss']:.3f}  "
            f"{quality} at {size} px  {done.seconds:.0f} s"
        )
