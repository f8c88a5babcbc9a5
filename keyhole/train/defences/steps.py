"""The plan of a defence's training: its steps, the random numbers of each, and what was spent."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.train.defences.base import AnyMethod, DefenceStep, LearnedDefence
from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation
from keyhole.train.recipe import Tuning
from keyhole.train.task import Task


class DefenceSteps(TrainingPlan):
    """The plan of a defence; a round is an epoch.

    No average of the weights is taken, because an adversary must be trained against the weights that are kept, and
    because frozen ones must stay as they are to the bit.

    Args:
        training: the defence.
        task: of the target, with its recipe.
        size: side of its pictures in pixels.
        seed: of all random choices.
        steps: batches of an epoch at most; None: all of the data.
        batches: of the whole training; None: as the recipe's epochs make.
    """

    def __init__(
        self,
        training: LearnedDefence,
        task: Task,
        size: int,
        seed: int,
        steps: int | None,
        batches: int | None = None,
    ) -> None:
        self.every = min(task.steps, steps or task.steps)
        self.steps = batches or task.recipe.epochs * self.every
        self.module, self.companions = training.module, training.companions
        self.optimisation = dataclasses.replace(Optimisation.of(task.recipe), ema=None)
        self._training, self._task, self._size, self._seed = training, task, size, seed

    @abstractmethod
    def deployed(self) -> nn.Module:
        """The target as it would be used now, its mechanism included."""

    def batches(self, first: int, last: int) -> Iterator[DefenceStep]:
        task, epoch = self._task, first // self.every
        generator = torch.Generator().manual_seed(task.recipe.seed * 10_000 + epoch)
        for number, batch in enumerate(islice(task.batches(self._size, generator), last - first), first):
            yield DefenceStep(number / self.steps, batch.inputs, batch.labels)

    def losses(self, module: nn.Module, batch: DefenceStep) -> Mapping[str, Tensor]:  # noqa: ARG002
        number = round(batch.progress * self.steps)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
        return self._training.losses(batch, generator)

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        quality = self._task.assess(self.deployed(), self._size)
        means = "  ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
        epoch, epochs = (-(-steps // self.every) for steps in (done.steps, self.steps))
        return f"epoch {epoch}/{epochs}  {means}  {quality}  {done.seconds:.0f} s"

    @property
    def spent(self) -> Mapping[str, int]:
        """What the whole training takes."""
        return {
            "batches": self.steps,
            "pictures": self.steps * self._task.recipe.batch,
            "model_steps": self.steps,
            "companion_steps": self.steps * self._training.companion_steps,
        }


def defence_facts(name: str, method: AnyMethod, tuning: Tuning, start: str, task: Task) -> dict[str, Any]:
    """What tells the training of a defence from others, see `TrainingPlan`.

    Args:
        name: of the method.
        method: its settings.
        tuning: length and rates.
        start: hash of the target that it starts from.
        task: of the target.
    """
    settled = {**dataclasses.asdict(task.recipe), **dataclasses.asdict(tuning), **dataclasses.asdict(method)}
    return {**settled, "method": name, "start": start, "data": task.data}
