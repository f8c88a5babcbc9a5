"""A defence's training as the loop sees it: a round is an epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor, nn

from keyhole.train.defences.deployed import Deployed
from keyhole.train.defences.method import Lesson, Step
from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation
from keyhole.train.split import Split


class Defending(TrainingPlan):
    """See `TrainingPlan`. No average of the weights is taken: adversaries are trained against those that are kept.

    Args:
        lesson: what is learned.
        split: the target.
        cut: where its head ends, by its own path.
        steps: batches of an epoch at most; None: all of the data.
    """

    def __init__(self, lesson: Lesson, split: Split, cut: str, steps: int | None) -> None:
        recipe = split.task.recipe
        self.every = min(split.task.steps, steps or split.task.steps)
        self.steps = recipe.epochs * self.every
        self.module, self.companions = lesson.module, lesson.companions
        self.optimisation = dataclasses.replace(Optimisation.of(recipe), ema=None)
        self._lesson, self._split, self._cut = lesson, split, cut

    def batches(self, first: int, last: int) -> Iterator[Step]:
        task, epoch = self._split.task, first // self.every
        generator = torch.Generator().manual_seed(task.recipe.seed * 10_000 + epoch)
        batches = islice(task.batches(self._split.size, generator), last - first)
        for number, batch in enumerate(batches, first):
            yield Step(number / self.steps, batch.inputs, batch.labels)

    def losses(self, module: nn.Module, batch: Step) -> Mapping[str, Tensor]:  # noqa: ARG002
        number = round(batch.progress * self.steps)
        generator = torch.Generator().manual_seed(self._split.seed * 1_000_003 + number)
        return self._lesson.losses(batch, generator)

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        task, size = self._split.task, self._split.size
        network = task.network(task.module)
        quality = task.assess(Deployed(network, self._cut, size, self._lesson.protect, self._split.seed), size)
        means = "  ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
        epoch = done.steps // self.every
        return f"epoch {epoch}/{task.recipe.epochs}  {means}  {quality}  {done.seconds:.0f} s"
