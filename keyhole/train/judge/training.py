"""What the judge learns from, and in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, cast

import torch
from accelerate.utils import set_seed
from torch import Tensor, nn

from keyhole.data.sample import eight_bit
from keyhole.judge.identity import LENGTH
from keyhole.judge.judge import Judge
from keyhole.train.judge.losses import Lesson
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.judge.spoil import spoil
from keyhole.train.loop import learn
from keyhole.train.optimisers import Optimisation
from keyhole.train.training import Round, Training

_JITTER = 0.4  # pixels by which a place is off, so that the readers do not rely on more than the truth is good for
_EACH = 4  # pictures of a vehicle in a batch


@dataclass(frozen=True)
class JudgeRecipe:
    """How the judge is trained.

    Attributes:
        steps: of the optimiser.
        batch: pictures for identities, and as many for plates and people, in a step.
        learning_rate: peak of the one-cycle schedule of AdamW.
        weight_decay: on weights of two or more dimensions.
        clean: share of the pictures that are not spoilt.
        every: steps between checkpoints.
        seed: of weights, order and spoiling.
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


class LessonBatch(NamedTuple):
    """What `Lesson` takes, in its order: vehicles, their identities, pictures to read from, and their labels."""

    vehicles: Tensor
    identities: Tensor
    pictures: Tensor
    labels: TruePictures


def train_judge(data: TruePictures, recipe: JudgeRecipe, out: Path) -> Judge:
    """Train a judge; goes on from ``out/checkpoint`` where a run stopped.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.
        out: folder for checkpoints.

    Raises:
        ValueError: no picture shows a plate or a person.
    """
    set_seed(recipe.seed)
    trained = cast(Lesson, learn(JudgeTraining(data, recipe), out))
    return trained.judge.cpu().eval()


class JudgeTraining(Training):
    """See `Training`. The module is a `Lesson`.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.

    Raises:
        ValueError: no picture shows a plate or a person.
    """

    def __init__(self, data: TruePictures, recipe: JudgeRecipe) -> None:
        self.module = Lesson(Judge(), int(data.identities.max()) + 1, LENGTH)
        self.steps, self.every = recipe.steps, recipe.every
        self.optimisation = Optimisation(
            recipe.learning_rate, recipe.weight_decay, seed=recipe.seed, precision=recipe.precision
        )
        self._data, self._recipe = data, recipe
        self._views, self._readable = _views(data.identities), _readable(data)

    def batches(self, first: int, last: int) -> Iterator[LessonBatch]:
        recipe = self._recipe
        for step in range(first, last):
            generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
            whom = draw_identities(self._views, recipe.batch, generator)
            read_from = _draw(self._readable, recipe.batch, generator)
            seen, read = (self._data.each(itemgetter(places)) for places in (whom, read_from))
            vehicles, pictures = (spoil(eight_bit(part.pictures), generator, recipe.clean) for part in (seen, read))
            yield LessonBatch(vehicles, seen.identities, pictures, _jittered(read, generator))

    def losses(self, module: nn.Module, batch: LessonBatch) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = module(*batch)
        return losses

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        means = "  ".join(f"{name} {mean:.3f}" for name, mean in done.losses.items())
        return f"step {done.steps}/{self.steps}  {means}"


def draw_identities(views: Sequence[Tensor], batch: int, generator: torch.Generator) -> Tensor:
    """Indices of ``batch`` pictures or a few fewer: four of each of a quarter as many vehicles (a PK batch).

    Args:
        views: indices of the pictures of each vehicle; one that has fewer than four gives all of them.
        batch: pictures, four or more.
        generator: source of randomness.
    """
    each = min(_EACH, batch // 2)
    whom = torch.randperm(len(views), generator=generator)[: batch // each].tolist()
    return torch.cat([views[one][torch.randperm(len(views[one]), generator=generator)[:each]] for one in whom])


def _views(identities: Tensor) -> tuple[Tensor, ...]:
    """Places of the pictures of each known identity."""
    return tuple((identities == one).nonzero().flatten() for one in range(int(identities.max()) + 1))


def _readable(data: TruePictures) -> tuple[Tensor, ...]:
    """Pictures that show a plate, and those that show a person; each batch is drawn from both alike."""
    people = (data.drivers[:, 0] != UNKNOWN) | (data.passengers[:, 0] != UNKNOWN)
    shown = (data.plates[:, 0] != UNKNOWN, people)
    readable = tuple(which.nonzero().flatten() for which in shown if which.any())
    if not readable:
        raise ValueError("no picture shows a plate or a person near enough: draw more near ones")
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
