"""APP, adversarial privacy-preserving training: PATROL's fourth baseline, after Xiao et al. 2020 ("Adversarial learning
of privacy-preserving and task-oriented representations")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.train.defences.adversarial import AdversarialMethod, AdversarialTraining
from keyhole.train.defences.base import DefenceTraining, check_range
from keyhole.train.split import Split


@dataclass(frozen=True)
class App(AdversarialMethod):
    """Head and tail minimise the task's loss minus a weight times the distance of a reconstructor's pictures.

    PATROL describes a method that "selects a reconstructed network and a discriminator to guarantee the reconstruction
    quality and use the reconstruction images for the adversarial training", with a "trade-off parameter". It names
    neither the networks, nor the distance, nor the order of the training. Here the reconstructor is the mirror network
    of the black-box attack. It minimises the squared error plus a discriminator's loss, in ``turns`` steps on each
    batch before the model's one. The discriminator tells photographs from reconstructions and serves the reconstructor
    alone. At first the model learns the task alone, until reconstructions are good enough to be worth spoiling.

    Attributes:
        realism: weight of the discriminator in the reconstructor's loss; 0: none.
    """

    head_start: float = 0.2
    realism: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("realism", self.realism)

    def training(self, split: Split) -> DefenceTraining:
        return _Adversarial(self, split, split.typical(), self.realism)


class _Adversarial(AdversarialTraining):
    def crossing(self, inputs: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        return self._split.features(inputs)
