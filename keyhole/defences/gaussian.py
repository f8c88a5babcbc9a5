"""Gaussian noise on the features: the noise defence of He et al. that PATROL is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.noise import AdditiveNoise
from keyhole.defences.numbers import normal


@dataclass(frozen=True)
class Gaussian(AdditiveNoise):
    """Normal noise; settings as in `AdditiveNoise`."""

    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal numbers."""
        return normal(like, generator)
