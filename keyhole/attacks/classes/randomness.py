"""Random numbers of pictures, each picture with its own, so that none depends on those that are made beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from keyhole.attacks.classes.base import Wanted


class PictureRandom:
    """A random generator for each of N pictures, which follows from the run's seed, the picture's class and its number.

    Args:
        wanted: the pictures.
        seed: of the run.
        purpose: numbers for two purposes are independent of each other.
    """

    def __init__(self, wanted: Wanted, seed: int, purpose: str = "") -> None:
        self._generators = [_generator(seed, purpose, label, number) for label, number in wanted]

    def __len__(self) -> int:
        return len(self._generators)

    def __iter__(self) -> Iterator[torch.Generator]:
        return iter(self._generators)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, N×shape."""
        return torch.stack([torch.randn(shape, generator=one) for one in self._generators])

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Numbers that are uniform in [low, high), N×shape."""
        drawn = torch.stack([torch.rand(shape, generator=one) for one in self._generators])
        return low + (high - low) * drawn

    def below(self, limit: int) -> Tensor:
        """N integers in [0, limit)."""
        return torch.stack([torch.randint(limit, (), generator=one) for one in self._generators])

    def part(self, chosen: Sequence[int]) -> PictureRandom:
        """The generators of some of the pictures, not copies of them."""
        some = object.__new__(PictureRandom)
        some._generators = [self._generators[at] for at in chosen]
        return some


def _generator(seed: int, purpose: str, label: int, number: int) -> torch.Generator:
    digest = hashlib.blake2b(f"{seed} {purpose} {label} {number}".encode(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest))
