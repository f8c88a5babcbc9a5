"""Targets along a training: what it would have left, had it ended after an earlier epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, claim
from keyhole.train.loop import Round

Writer = Callable[[nn.Module, Path], None]
"""Stores a network, which it may change, in a folder that is there."""


@dataclass(frozen=True)
class Snapshots:
    """A target in ``folder/at-EPOCH`` every so many epochs, the last one left out: the training itself stores that.

    How well an attack does hangs on how accurate its target is. Several points along each training let trainings be
    compared where they are equally accurate (Ho et al. 2024, TL-DMI, §4.3).

    Attributes:
        every: epochs; None: no snapshots.
        steps: of an epoch.
        total: steps of the training.
        folder: of the training.
        write: stores one.
    """

    every: int | None
    steps: int
    total: int
    folder: Path
    write: Writer

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise UsageError(f"--keep-every {self.every}: expected 1 or more")

    def __call__(self, network: nn.Module, done: Round) -> None:
        """Store a copy of the network, if it is time."""
        epoch, left = divmod(done.steps, self.steps)
        if self.every is None or left or epoch % self.every or done.steps >= self.total:
            return
        place = self.folder / f"at-{epoch}"
        claim(place, TRAINING)
        self.write(copy.deepcopy(network).cpu().eval(), place)
