"""Laplace noise on the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.noise import AdditiveNoise
from keyhole.defences.numbers import laplacian


@dataclass(frozen=True)
class Laplace(AdditiveNoise):
    """Noise of density ∝ exp(−√2·|x|/σ); settings as in `AdditiveNoise`, in terms of its standard deviation σ."""

    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Laplacian numbers."""
        return laplacian(like, generator)
