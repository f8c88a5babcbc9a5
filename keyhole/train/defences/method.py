"""What a defence by training is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from keyhole.partition import Survey
from keyhole.partition.pruning.plan import Removal
from keyhole.targets.target import NO_DEFENCE
from keyhole.train.recipe import Tuning
from keyhole.train.split import Split

TUNING = Tuning(stages=((1.0, 6),), batch=64, steps=80, learning_rate=1e-3, teaching=10.0)
"""Fewer steps than PATROL's recipe `fast` takes, at the target's own size: less has gone that must be made up for."""


class Step(NamedTuple):
    """One step's data.

    Attributes:
        progress: share of the training that is done, 0 … 1.
        inputs: N×3×size×size, normalised.
        labels: N integers, classes or identities.
    """

    progress: float
    inputs: Tensor
    labels: Tensor


class Lesson(ABC):
    """A defence while it is trained.

    Attributes:
        module: what the loop trains and stores; the task's module is part of it.
        companions: what has an optimiser of its own; checkpoints hold them too.
    """

    module: nn.Module
    companions: Sequence[Any] = ()

    @abstractmethod
    def losses(self, step: Step, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Scalars by name; their sum is what is minimised.

        Args:
            step: on the module's device.
            generator: the step's own source of randomness.
        """

    def protect(self, features: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """What leaves the edge of features N×…, with the mechanism as it is now."""
        return features

    def store(self, folder: Path) -> str:  # noqa: ARG002
        """Write the run-time mechanism, if there is one; its name, as for ``--defence``."""
        return NO_DEFENCE


@dataclass(frozen=True)
class Method(ABC):
    """Settings of a method. Inherit from it as a frozen dataclass: its fields are what ``--method`` can set.

    Attributes:
        tuning: how long and how fast, where no flag says.
        least_epochs: that make sense.
        changes_target: whether the target is protected by its own weights or structure; its name is then in the headers
            of frames. Otherwise the mechanism's is.
    """

    tuning: ClassVar[Tuning] = TUNING
    least_epochs: ClassVar[int] = 1
    changes_target: ClassVar[bool] = True

    def removals(self, surveyed: Survey, cut: str, seed: int) -> tuple[Removal, ...]:  # noqa: ARG002
        """Structures to remove from the target before it is trained.

        Raises:
            CutError: the target has none of the kind.
        """
        return ()

    @abstractmethod
    def lesson(self, split: Split) -> Lesson:
        """The training of a target that is split."""
