"""The judge's training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from keyhole.data.sample import eight_bit
from keyhole.judge.identity import LENGTH
from keyhole.judge.judge import Judge
from keyhole.train.judge.losses import Lesson
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.judge.spoil import spoil
from keyhole.train.progress import progress_bar

_JITTER = 0.4  # pixels by which a place is off, so that the readers do not rely on more than the truth is good for


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


def train_judge(data: TruePictures, recipe: JudgeRecipe, out: Path) -> Judge:
    """Train a judge; goes on from ``out/checkpoint`` where a run stopped.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.
        out: folder for checkpoints.

    Raises:
        ValueError: no picture shows a plate or a person.
    """
    known, readable = (data.identities != UNKNOWN).nonzero().flatten(), _readable(data)
    set_seed(recipe.seed)
    accelerator = Accelerator(mixed_precision=recipe.precision)
    lesson = Lesson(Judge(), int(data.identities.max()) + 1, LENGTH)
    decayed = [p for p in lesson.parameters() if p.dim() > 1]
    others = [p for p in lesson.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.15
    )
    lesson, optimiser, schedule = accelerator.prepare(lesson, optimiser, schedule)
    checkpoint = out / "checkpoint"
    done = _resume(accelerator, checkpoint)
    with progress_bar() as progress:
        bar = progress.add_task("training", total=recipe.steps, completed=done)
        sums: dict[str, float] = {}
        for step in range(done, recipe.steps):
            generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
            whom = _draw((known,), recipe.batch, generator)
            read_from = _draw(readable, recipe.batch, generator)
            seen, read = (_each(data, itemgetter(places)) for places in (whom, read_from))
            vehicles, pictures = (spoil(eight_bit(part.pictures), generator, recipe.clean) for part in (seen, read))
            labels = _each(_jittered(read, generator), lambda tensor: tensor.to(accelerator.device))
            lesson.train()
            with accelerator.autocast():
                losses = lesson(
                    vehicles.to(accelerator.device),
                    seen.identities.to(accelerator.device),
                    pictures.to(accelerator.device),
                    labels,
                )
            optimiser.zero_grad()
            accelerator.backward(sum(losses.values()))
            optimiser.step()
            schedule.step()
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss.detach())
            progress.advance(bar)
            if (step + 1) % recipe.every == 0 or step + 1 == recipe.steps:
                since = (step % recipe.every) + 1
                means = "  ".join(f"{name} {total / since:.3f}" for name, total in sums.items())
                progress.console.print(f"step {step + 1}/{recipe.steps}  {means}", soft_wrap=True)
                sums = {}
                accelerator.save_state(str(checkpoint))
                (checkpoint / "steps").write_text(str(step + 1))
    trained: Lesson = accelerator.unwrap_model(lesson)
    return trained.judge.cpu().eval()


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


def _each(data: TruePictures, change: Callable[[Tensor], Tensor]) -> TruePictures:
    return TruePictures(**{field.name: change(getattr(data, field.name)) for field in dataclasses.fields(data)})


def _jittered(labels: TruePictures, generator: torch.Generator) -> TruePictures:
    names = ("corners", "driver_boxes", "passenger_boxes")
    moved = {
        name: place + _JITTER * torch.randn(place.shape, generator=generator).clamp(-1, 1)
        for name in names
        for place in (getattr(labels, name),)
    }
    return dataclasses.replace(labels, **moved)


def _resume(accelerator: Accelerator, checkpoint: Path) -> int:
    marker = checkpoint / "steps"
    if not marker.exists():
        return 0
    accelerator.load_state(str(checkpoint))
    return int(marker.read_text())
