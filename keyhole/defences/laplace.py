"""Laplace noise on the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.noise import AdditiveNoise


@dataclass(frozen=True)
class Laplace(AdditiveNoise):
    """Noise of density ∝ exp(−√2·|x|/σ); settings as in `AdditiveNoise`, in terms of its standard deviation σ."""

    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """The difference of two exponential numbers is Laplacian with variance 2."""
        one, other = (torch.empty(like.shape).exponential_(generator=generator) for _ in range(2))
        return (one - other).mul(0.5**0.5)
