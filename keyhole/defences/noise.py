"""Additive noise on the features, Gaussian or Laplacian: the defence of He et al. that PATROL is compared with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor

from keyhole.defences.base import Defence, Features, per_picture
from keyhole.service.errors import UsageError

Numbers = Callable[[Tensor, torch.Generator], Tensor]
"""Random numbers of mean 0 and variance 1 in the shape of a tensor, on the generator's device."""


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(like.shape, generator=generator)


def laplacian(like: Tensor, generator: torch.Generator) -> Tensor:
    """Laplacian numbers: the difference of two exponential ones, which has variance 2."""
    one, other = (torch.empty(like.shape).exponential_(generator=generator) for _ in range(2))
    return (one - other).mul(0.5**0.5)


NUMBERS: Mapping[str, Numbers] = MappingProxyType({"gaussian": normal, "laplace": laplacian})
"""By the name of their distribution."""


@dataclass(frozen=True)
class AdditiveNoise(Defence, ABC):
    """Independent noise on every value. Exactly one setting says its standard deviation.

    Attributes:
        scale: times the standard deviation of a tensor's values, of each picture by itself.
        absolute: in the units of the features.
        snr: signal-to-noise ratio in dB, 10·log10(mean square of the values / variance of the noise), likewise.
    """

    scale: float | None = None
    absolute: float | None = None
    snr: float | None = None

    def __post_init__(self) -> None:
        given = {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}
        if len(given) != 1:
            told = ", ".join(given) or "none"
            raise UsageError(f"noise takes exactly one of the settings scale, absolute and snr; got {told}")
        for name, value in given.items():
            if not abs(value) < float("inf") or (name != "snr" and value < 0):
                raise UsageError(f"{name}={value}: expected a finite number{'' if name == 'snr' else ', 0 or more'}")

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """``features`` with fresh noise."""
        return tuple(self._noisy(tensor, generator) for tensor in features)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Both as they are: the noise's mean is zero, so a frame is expected to be the features themselves."""
        return features, observed

    def after(self, frames: int) -> Self:
        """The mean of the frames has noise of 1/√frames of the deviation."""
        if self.snr is not None:
            return replace(self, snr=self.snr + 10 * math.log10(frames))
        if self.scale is not None:
            return replace(self, scale=self.scale / math.sqrt(frames))
        return replace(self, absolute=(self.absolute or 0.0) / math.sqrt(frames))

    def unexplained(self, observed: Features) -> Tensor:
        """The noise's share of the frame's energy; its deviation follows from that of the noisy values."""
        return torch.stack([self._share(tensor.flatten(1)) for tensor in observed]).mean(0)

    def _share(self, values: Tensor) -> Tensor:
        energy = values.square().mean(1).clamp_min(1e-12)
        if self.absolute is not None:
            return (self.absolute**2 / energy).clamp_max(1)
        if self.scale is not None:
            return self.scale**2 / (1 + self.scale**2) * values.var(1, correction=0) / energy
        return torch.full_like(energy, 1 / (1 + 10 ** ((self.snr or 0.0) / 10)))

    def deviation(self, tensor: Tensor) -> Tensor:
        """The noise's standard deviation, one number per picture."""
        values = tensor.flatten(1)
        if self.absolute is not None:
            return torch.full((len(values),), self.absolute)
        if self.scale is not None:
            return self.scale * values.std(1, correction=0)
        return values.square().mean(1).sqrt() * 10 ** (-(self.snr or 0.0) / 20)

    def _noisy(self, tensor: Tensor, generator: torch.Generator) -> Tensor:
        numbers = tensor.float()
        noise = self.unit(numbers, generator) * per_picture(self.deviation(numbers), numbers)
        return (numbers + noise).to(tensor.dtype)

    @abstractmethod
    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Numbers of mean 0 and variance 1 in the shape of ``like``."""


@dataclass(frozen=True)
class Gaussian(AdditiveNoise):
    """Normal noise; settings as in `AdditiveNoise`."""

    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal numbers."""
        return normal(like, generator)


@dataclass(frozen=True)
class Laplace(AdditiveNoise):
    """Noise of density ∝ exp(−√2·|x|/σ); settings as in `AdditiveNoise`, in terms of its standard deviation σ."""

    def unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Laplacian numbers."""
        return laplacian(like, generator)
