"""Learned noise: Shredder (Mireshghallah et al. 2020, "Shredder: Learning noise distributions to protect inference
privacy") and Cloak (Mireshghallah et al. 2021, "Not all features are equal")."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from accelerate import PartialState
from torch import Tensor, nn

from keyhole.defences.learned_noise import LEARNED_NOISE, NoiseTable, stored_noise
from keyhole.defences.mechanism_file import MECHANISM, write_mechanism
from keyhole.defences.noise import NUMBERS
from keyhole.service.errors import UsageError
from keyhole.train.defences.base import TUNING, DefenceMethod, DefenceStep, DefenceTraining, check_range
from keyhole.train.recipe import Tuning
from keyhole.train.split import Split


@dataclass(frozen=True)
class Shredder(DefenceMethod):
    """Location and deviation of noise are learned for every single value, as large as the task allows. The model stays
    as it is.

    Shredder learns whole noise tensors by a loss that rewards their size, fits a Laplace distribution to those that
    keep the accuracy, and draws from it. Cloak learns the distribution itself by the reparametrisation trick, with a
    loss of −log of the mean variance and a weight for the task; it bounds the deviation, and works on the input. This
    is Cloak's method with Shredder's distribution, on the features: task − weight·log(mean of (σ/s)²), where s is the
    deviation of all features and σ lies between 0 and ``most``·s.

    Attributes:
        weight: of the noise's size.
        start: σ/s at first.
        most: bound of σ/s.
        distribution: ``laplace`` or ``gaussian``.
    """

    weight: float = 0.1
    start: float = 0.1
    most: float = 5.0
    distribution: str = "laplace"
    tuning: ClassVar[Tuning] = dataclasses.replace(TUNING, learning_rate=0.05)
    changes_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_range("weight", self.weight)
        check_range("most", self.most)
        if not 0 < self.start < self.most:
            raise UsageError(f"start={self.start}: expected more than 0 and less than most={self.most}")
        if self.distribution not in NUMBERS:
            raise UsageError(f"distribution={self.distribution}: expected one of {', '.join(NUMBERS)}")

    def training(self, split: Split) -> DefenceTraining:
        split.freeze()
        return _Shredding(self, split)


class _Shredding(DefenceTraining):
    def __init__(self, settings: Shredder, split: Split) -> None:
        typical = split.typical()
        self._spread = float(typical.std(correction=0).clamp_min(1e-12))
        count, device = typical[0].numel(), PartialState().device
        share = settings.start / settings.most
        self.location = nn.Parameter(torch.zeros(count, device=device))
        self.size = nn.Parameter(torch.full((count,), math.log(share / (1 - share)), device=device))
        own = nn.ParameterDict({"location": self.location, "size": self.size})
        self.module = nn.ModuleDict({"task": split.task.module, "noise": own})
        self._settings, self._split = settings, split

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:
        split = self._split
        split.task.module.eval()
        noisy = self.protect(split.deployed(step.inputs), generator)
        task = split.prediction_loss(noisy, step.labels)
        size = self._relative.square().mean().log()
        return {"task": task, "noise": -self._settings.weight * size}

    def protect(self, features: Tensor, generator: torch.Generator) -> Tensor:
        return self._table.noisy(features, generator)

    def store(self, folder: Path) -> str:
        path, distribution = folder / MECHANISM, self._settings.distribution
        write_mechanism(stored_noise([self._table], distribution), LEARNED_NOISE, path)
        return f"{LEARNED_NOISE}:file={path}"

    @property
    def _relative(self) -> Tensor:
        return self._settings.most * torch.sigmoid(self.size)

    @property
    def _table(self) -> NoiseTable:
        """The present noise, in the shape of one picture's features."""
        location, deviation = (
            (self._spread * numbers).view(self._split.blocks.shape) for numbers in (self.location, self._relative)
        )
        return NoiseTable(location, deviation, NUMBERS[self._settings.distribution])
