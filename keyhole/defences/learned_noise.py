"""Learned noise (Shredder, Cloak): each value of the features has a location and a deviation of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from keyhole.defences.base import Defence, Features
from keyhole.defences.mechanism_file import StoredMechanism, check_shapes, read_mechanism
from keyhole.defences.noise import NUMBERS, Numbers

LEARNED_NOISE = "learned-noise"
_FAINTEST = 0.01  # least share of a frame's energy that is taken for the head's own


@dataclass(frozen=True, eq=False)
class NoiseTable:
    """The noise of one live tensor.

    Attributes:
        location: mean of each value's noise, in the shape of the features of one picture.
        deviation: its standard deviation, the same.
        numbers: of mean 0 and variance 1.
    """

    location: Tensor
    deviation: Tensor
    numbers: Numbers

    def to(self, device: torch.device) -> NoiseTable:
        """The table on a device."""
        return replace(self, location=self.location.to(device), deviation=self.deviation.to(device))

    def noisy(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Features N×… with fresh noise; gradients flow to the table too."""
        return features + self.location + self.deviation * self.numbers(features, generator).to(features.device)

    def weights(self, observed: Tensor) -> Tensor:
        """What a difference at each value of frames N×… counts for an attacker, 0 … 1.

        A candidate's features differ from the true ones by as much as features do, v, and from the frame by the noise
        besides: the share of it that is the candidate's, √(v/(v + σ²)), is near 1 where the noise is faint, and
        elsewhere in proportion to 1/σ, by which a likelihood would divide. What v is follows from the frame.
        """
        variance = self.deviation.square()
        energy = (observed - self.location).square().flatten(1).mean(1)
        own = torch.maximum(energy - variance.mean(), _FAINTEST * energy).clamp_min(1e-12)
        own = own.reshape(-1, *[1] * variance.dim())
        return (own / (own + variance)).sqrt()


@dataclass(frozen=True, eq=False)
class TabledNoise(Defence):
    """Adds the noise of tables.

    Attributes:
        tables: one for each live tensor.
        source: where they come from, for messages.
    """

    tables: tuple[NoiseTable, ...]
    source: str

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """``features`` with fresh noise.

        Raises:
            UsageError: the tables are for features of other shapes.
        """
        pairs = list(zip(self._fitting(features), features, strict=True))
        return tuple(table.noisy(tensor.float(), generator).to(tensor.dtype) for table, tensor in pairs)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Both without the noise's location, weighted down where its deviation is large (`NoiseTable.weights`)."""
        tables = self._fitting(observed)
        weights = [table.weights(frame) for table, frame in zip(tables, observed, strict=True)]
        located = [frame - table.location for table, frame in zip(tables, observed, strict=True)]
        ours = tuple(tensor * weight for tensor, weight in zip(features, weights, strict=True))
        return ours, tuple(frame * weight for frame, weight in zip(located, weights, strict=True))

    def after(self, frames: int) -> TabledNoise:
        """The mean of the frames has noise of 1/√frames of every deviation, at the same location."""
        fainter = (replace(table, deviation=table.deviation / math.sqrt(frames)) for table in self.tables)
        return replace(self, tables=tuple(fainter))

    def unexplained(self, observed: Features) -> Tensor:
        """The noise's share of the energy of what is compared."""
        shares = []
        for table, frame in zip(self._fitting(observed), observed, strict=True):
            weights = table.weights(frame)
            noise = (weights * table.deviation).square().flatten(1).sum(1)
            energy = (weights * (frame - table.location)).square().flatten(1).sum(1)
            shares.append((noise / energy.clamp_min(1e-12)).clamp_max(1))
        return torch.stack(shares).mean(0)

    def _fitting(self, features: Features) -> tuple[NoiseTable, ...]:
        expected = [tuple(table.location.shape) for table in self.tables]
        check_shapes(self.source, expected, features)
        return tuple(table.to(tensor.device) for table, tensor in zip(self.tables, features, strict=True))


@dataclass(frozen=True)
class LearnedNoise(Defence):
    """Adds noise whose location and deviation were learned for every single value (`keyhole train defence`).

    Attributes:
        file: that holds the tables. The attacker has it too.
    """

    file: str

    def __post_init__(self) -> None:
        self.noise  # noqa: B018  (a wrong file is refused at once)

    @cached_property
    def noise(self) -> TabledNoise:
        """What the file holds."""
        stored = read_mechanism(self.file, LEARNED_NOISE)
        numbers, tensors = NUMBERS[stored.facts["distribution"]], stored.tensors
        count = sum(name.startswith("location.") for name in tensors)
        tables = [NoiseTable(tensors[f"location.{at}"], tensors[f"deviation.{at}"], numbers) for at in range(count)]
        return TabledNoise(tuple(tables), self.file)

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """``features`` with fresh noise.

        Raises:
            UsageError: the tables are for features of other shapes.
        """
        return self.noise.protect(features, generator)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """See `TabledNoise.comparable`."""
        return self.noise.comparable(features, observed)

    def after(self, frames: int) -> Defence:
        """See `TabledNoise.after`."""
        return self.noise.after(frames)

    def unexplained(self, observed: Features) -> Tensor:
        """See `TabledNoise.unexplained`."""
        return self.noise.unexplained(observed)


def stored_noise(tables: Sequence[NoiseTable], distribution: str) -> StoredMechanism:
    """Tables for a file."""
    named = {
        f"{name}.{index}": getattr(table, name)
        for index, table in enumerate(tables)
        for name in ("location", "deviation")
    }
    return StoredMechanism(named, {"distribution": distribution})
