"""Base classes of defences by training: their settings, and their losses while they learn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from keyhole.partition import Survey
from keyhole.partition.pruning.plan import Removal
from keyhole.service.errors import UsageError
from keyhole.targets.target import NO_DEFENCE
from keyhole.train.recipe import Tuning
from keyhole.train.split import Split

TUNING = Tuning(stages=((1.0, 6),), batch=64, steps=80, learning_rate=1e-3, teaching=10.0)
"""Fewer steps than PATROL's recipe `fast` takes, at the target's own size: these methods remove less from the model."""


class DefenceStep(NamedTuple):
    """One step's data.

    Attributes:
        progress: share of the training that is done, 0 … 1.
        inputs: N×3×size×size, normalised.
        labels: N integers, classes or identities.
    """

    progress: float
    inputs: Tensor
    labels: Tensor


class LearnedDefence(ABC):
    """Any defence while it is trained.

    Attributes:
        module: the loop trains and stores it; the task's module is part of it.
        companions: objects with an optimiser of their own; checkpoints hold them too.
        companion_steps: that they take for each batch.
    """

    module: nn.Module
    companions: Sequence[Any] = ()
    companion_steps: int = 0

    @abstractmethod
    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Scalars by name; their sum is minimised.

        Args:
            step: on the module's device.
            generator: the step's own source of randomness.
        """


class DefenceTraining(LearnedDefence):
    """A defence of what crosses a cut while it is trained. See `LearnedDefence`."""

    def protect(self, features: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Features N×… as they leave the edge, through the mechanism as it is now."""
        return features

    def store(self, folder: Path) -> str:  # noqa: ARG002
        """Write the run-time mechanism, if there is one; return its name, as ``--defence`` takes it."""
        return NO_DEFENCE


@dataclass(frozen=True)
class AnyMethod:
    """Settings of a method of either kind.

    Attributes:
        tuning: length and rates of the training, where no flag sets them.
        least_epochs: fewest epochs that make sense.
    """

    tuning: ClassVar[Tuning] = TUNING
    least_epochs: ClassVar[int] = 1


@dataclass(frozen=True)
class DefenceMethod(AnyMethod, ABC):
    """Settings of a method that protects what crosses a cut. Inherit from it as a frozen dataclass: its fields are what
    ``--method`` can set.

    Attributes:
        changes_target: whether the target is protected by its own weights or structure; its name is then in the headers
            of frames. Otherwise the mechanism's is.
    """

    changes_target: ClassVar[bool] = True

    def removals(self, surveyed: Survey, cut: str, seed: int) -> tuple[Removal, ...]:  # noqa: ARG002
        """Structures to remove from the target before it is trained.

        Raises:
            CutError: the target has none of the kind.
        """
        return ()

    @abstractmethod
    def training(self, split: Split) -> DefenceTraining:
        """The losses of the training of a split target."""


def check_range(name: str, value: float, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse a number that is not in a range.

    Raises:
        UsageError: it is below ``least``, above ``most``, or not finite.
    """
    if not (math.isfinite(value) and least <= value <= most):
        upper = "" if math.isinf(most) else f" and at most {most:g}"
        raise UsageError(f"{name}={value}: expected a finite number, {least:g} or more{upper}")
