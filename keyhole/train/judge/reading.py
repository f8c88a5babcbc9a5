"""Training of the judge's readers: glyphs of plates, facts about driver and passenger."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.sample import eight_bit
from keyhole.data.streetcam.shot import DRIVER, PASSENGER
from keyhole.judge.judge import Judge
from keyhole.service.errors import UsageError
from keyhole.train.judge.degradation import degrade
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation


class ReadingLosses(nn.Module):
    """Cross-entropy of a judge's readers of plates and people.

    Args:
        judge: its readers are trained, its embedder is not touched.
    """

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.plates, self.drivers, self.passengers = judge.plates, judge.drivers, judge.passengers

    def forward(self, pictures: Tensor, labels: TruePictures) -> dict[str, Tensor]:
        """Losses by name.

        Args:
            pictures: RGB in [0, 1], N×3×H×W.
            labels: of these; their own pictures are not used.
        """
        losses = {}
        shown = (labels.plates[:, 0] != UNKNOWN).nonzero().flatten()
        if len(shown):
            scores = self.plates(pictures[shown], labels.corners[shown])
            losses["plate"] = F.cross_entropy(scores.flatten(0, 1), labels.plates[shown].flatten())
        for name, reader, numbers, boxes, attributes in (
            ("driver", self.drivers, labels.drivers, labels.driver_boxes, DRIVER),
            ("passenger", self.passengers, labels.passengers, labels.passenger_boxes, PASSENGER),
        ):
            shown = (numbers[:, 0] != UNKNOWN).nonzero().flatten()
            if len(shown) > 1:
                losses[name] = _mean_loss(reader(pictures[shown], boxes[shown]), numbers[shown], attributes)
        return losses


def _mean_loss(scores: Mapping[str, Tensor], numbers: Tensor, attributes: Mapping[str, tuple[str, ...]]) -> Tensor:
    losses = [F.cross_entropy(scores[name], numbers[:, place]) for place, name in enumerate(attributes)]
    return torch.stack(losses).mean()


_JITTER = 0.4  # pixels by which a place is off, so that the readers do not rely on more than the truth is good for


@dataclass(frozen=True)
class ReadingRecipe:
    """Hyper-parameters of the readers.

    Attributes:
        steps: of the optimiser.
        batch: pictures in a step.
        learning_rate: peak of the one-cycle schedule of AdamW.
        weight_decay: on weights of two or more dimensions.
        clean: share of the pictures that are not degraded.
        every: steps between checkpoints.
        seed: of weights, order and degradation.
        precision: ``no`` (fp32) or ``bf16``.
    """

    steps: int = 3000
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    clean: float = 0.5
    every: int = 250
    seed: int = 0
    precision: str = "no"


class ReadingBatch(NamedTuple):
    """Arguments of `ReadingLosses`, in its order."""

    pictures: Tensor
    labels: TruePictures


class ReadingTraining(TrainingPlan):
    """See `TrainingPlan`. The module is a `ReadingLosses`.

    Args:
        judge: whose readers are trained.
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.

    Raises:
        ValueError: no picture shows a plate or a person.
    """

    def __init__(self, judge: Judge, data: TruePictures, recipe: ReadingRecipe) -> None:
        self.module = ReadingLosses(judge)
        self.steps, self.every = recipe.steps, recipe.every
        self.optimisation = Optimisation(
            recipe.learning_rate, recipe.weight_decay, seed=recipe.seed, precision=recipe.precision
        )
        self._data, self._recipe = data, recipe
        self._readable = _readable(data)

    def batches(self, first: int, last: int) -> Iterator[ReadingBatch]:
        recipe = self._recipe
        for step in range(first, last):
            generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
            read = self._data.each(itemgetter(_draw(self._readable, recipe.batch, generator)))
            yield ReadingBatch(degrade(eight_bit(read.pictures), generator, recipe.clean), _jittered(read, generator))

    def losses(self, module: nn.Module, batch: ReadingBatch) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = module(*batch)
        return losses

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        means = "  ".join(f"{name} {mean:.3f}" for name, mean in done.losses.items())
        return f"step {done.steps}/{self.steps}  {means}"


def _readable(data: TruePictures) -> tuple[Tensor, ...]:
    """Pictures that show a plate, and those that show a person; each batch is drawn from both alike."""
    people = (data.drivers[:, 0] != UNKNOWN) | (data.passengers[:, 0] != UNKNOWN)
    shown = (data.plates[:, 0] != UNKNOWN, people)
    readable = tuple(which.nonzero().flatten() for which in shown if which.any())
    if not readable:
        raise UsageError("no picture shows a plate or a person near enough: draw more near ones")
    return readable


def _draw(kinds: tuple[Tensor, ...], count: int, generator: torch.Generator) -> Tensor:
    """``count`` pictures, an equal share of each kind."""
    each = -(-count // len(kinds))
    return torch.cat([kind[torch.randint(len(kind), (each,), generator=generator)] for kind in kinds])[:count]


def _jittered(labels: TruePictures, generator: torch.Generator) -> TruePictures:
    names = ("corners", "driver_boxes", "passenger_boxes")
    moved = {
        name: place + _JITTER * torch.randn(place.shape, generator=generator).clamp(-1, 1)
        for name in names
        for place in (getattr(labels, name),)
    }
    return dataclasses.replace(labels, **moved)
