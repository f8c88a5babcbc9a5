"""Optimisers by name, their schedules and averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import get_ema_multi_avg_fn

from keyhole.train.recipe import OptimiserName, TrainingRecipe

Groups = list[dict[str, Any]]
ScheduleName = Literal["one-cycle", "constant"]


@dataclass(frozen=True)
class Optimisation:
    """Settings of an optimiser and its schedule.

    Attributes:
        learning_rate: peak of the one-cycle schedule, or the constant rate.
        weight_decay: on weights of two or more dimensions.
        optimiser: a name in `OPTIMISERS`.
        warm_up: share of the steps in which the learning rate rises; it falls by a cosine in the others.
        ema: decay of the averaged weights, which are then the ones kept; None: no average is taken.
        clip: largest L2 norm of the gradient over all weights; None: no clipping.
        seed: of everything that the module itself draws, such as dropout.
        precision: ``no`` (fp32) or ``bf16``.
        betas: decays of AdamW's averages; under the one-cycle schedule the first moves between 0.85 and 0.95 whatever
            it is here.
        schedule: ``one-cycle``, or ``constant`` for adversarial pairs, neither of which is to stop before the other.
    """

    learning_rate: float
    weight_decay: float = 0.0
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.15
    ema: float | None = None
    clip: float | None = None
    seed: int = 0
    precision: str = "no"
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: ScheduleName = "one-cycle"

    @classmethod
    def of(cls, recipe: TrainingRecipe) -> Self:
        """The settings that a target's recipe has."""
        return cls(**{field.name: getattr(recipe, field.name) for field in fields(cls) if hasattr(recipe, field.name)})


def make_optimiser(model: nn.Module, how: Optimisation) -> Optimizer:
    """An optimiser of the model's trainable parameters; those of one dimension get no weight decay."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: Groups = [
        {"params": [parameter for parameter in trainable if parameter.dim() > 1], "weight_decay": how.weight_decay},
        {"params": [parameter for parameter in trainable if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    return OPTIMISERS[how.optimiser](groups, how)


def make_schedule(moved: Optimizer, how: Optimisation, steps: int) -> LRScheduler:
    """The schedule of an optimiser's learning rate over so many steps."""
    if how.schedule == "constant":
        return ConstantLR(moved, factor=1.0)
    return one_cycle(moved, how.learning_rate, how.warm_up, steps)


def one_cycle(moved: Optimizer, learning_rate: float, warm_up: float, steps: int) -> OneCycleLR:
    """The one-cycle schedule: up to the peak rate in a share of the steps, then down by a cosine.

    torch divides by zero where the rise takes exactly one step, so it takes two then.
    """
    rises = 2 / steps if round(warm_up * steps, 6) == 1 else warm_up
    return OneCycleLR(moved, learning_rate, total_steps=steps, pct_start=min(1.0, rises))


def _sgd(groups: Groups, how: Optimisation) -> Optimizer:
    return SGD(groups, lr=how.learning_rate, momentum=0.9, nesterov=True)


def _adamw(groups: Groups, how: Optimisation) -> Optimizer:
    return AdamW(groups, lr=how.learning_rate, betas=how.betas)


OPTIMISERS: Mapping[OptimiserName, Callable[[Groups, Optimisation], Optimizer]] = {"sgd": _sgd, "adamw": _adamw}


Average = Callable[[Any, Any, Any], None]


def warming_average(decay: float) -> Average:
    """Exponential moving average for `torch.optim.swa_utils.AveragedModel` that forgets the first weights soon.

    After n steps the decay is min(``decay``, (1 + n) / (10 + n)), so that the average spans a tenth of the steps of a
    short training, not its start.

    Args:
        decay: of a long training, 0 to 1.
    """

    def update(averaged: Any, current: Any, count: Any) -> None:
        steps = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, count)  # type: ignore[no-untyped-call]

    return update
