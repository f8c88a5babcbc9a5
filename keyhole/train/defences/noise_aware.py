"""Noise-aware training: the model learns behind the run-time defence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from keyhole.defences import defence_named, spelled
from keyhole.train.defences.base import DefenceMethod, DefenceStep, DefenceTraining
from keyhole.train.split import Split


@dataclass(frozen=True)
class NoiseAware(DefenceMethod):
    """The tail learns from features that went through a defence, so the defence costs less accuracy, or can be stronger
    at the same accuracy.

    Attributes:
        defence: as for ``--defence``, with one setting at most, such as ``gaussian:scale=0.5``; it is needed at run
            time too.
        head: the head learns too. Where the noise's size does not follow the features' (``absolute``), the head may
            learn larger features: good for accuracy, and for attackers.
    """

    defence: str = "gaussian:scale=0.5"
    head: bool = False

    def __post_init__(self) -> None:
        defence_named(self.defence)

    def training(self, split: Split) -> DefenceTraining:
        if not self.head:
            split.freeze_head()
        return _Hardening(self, split)


class _Hardening(DefenceTraining):
    def __init__(self, settings: NoiseAware, split: Split) -> None:
        self.module = split.task.module
        self._settings, self._split = settings, split
        self._defence = defence_named(settings.defence)

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:
        split = self._split
        features = split.features(step.inputs) if self._settings.head else split.deployed(step.inputs)
        return {"task": split.prediction_loss(self.protect(features, generator), step.labels)}

    def protect(self, features: Tensor, generator: torch.Generator) -> Tensor:
        (protected,) = self._defence.protect((features.cpu(),), generator)
        return protected.to(features.device)

    def store(self, folder: Path) -> str:  # noqa: ARG002
        return spelled(self._settings.defence)
