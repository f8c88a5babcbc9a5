"""Random numbers by key, the same on every machine and in every worker, and the arithmetic that keeps them so."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
RGB = tuple[float, float, float]
Point = tuple[float, float, float]


class Draw:
    """A stream of random numbers for one key; only exactly rounded arithmetic is used.

    >>> Draw("die", 1).below(6) == Draw("die", 1).below(6)
    True
    """

    def __init__(self, *key: int | str) -> None:
        digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        return self._random.random()

    def uniform(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self._random.random()

    def bell(self, low: float, high: float) -> float:
        """Between ``low`` and ``high``, most often near the middle (mean of three uniforms)."""
        return low + (high - low) * (self.unit() + self.unit() + self.unit()) / 3

    def below(self, limit: int) -> int:
        """An integer in [0, limit)."""
        return int(self._random.random() * limit)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.below(len(options))]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """One of the options, as likely as its weight says."""
        left = self.unit() * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][0]


def cosine(angle: float) -> float:
    """Cosine rounded to 12 digits, so that no two C libraries differ."""
    return round(math.cos(angle), 12)


def sine(angle: float) -> float:
    """Sine rounded to 12 digits, so that no two C libraries differ."""
    return round(math.sin(angle), 12)


@lru_cache(maxsize=32)
def circle(corners: int) -> tuple[tuple[float, float], ...]:
    """Cosine and sine of equally spaced angles, counter-clockwise from 0."""
    return tuple((cosine(math.tau * i / corners), sine(math.tau * i / corners)) for i in range(corners))


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """``first`` with a share of ``second``."""
    a, b = 1 - share, share
    return (a * first[0] + b * second[0], a * first[1] + b * second[1], a * first[2] + b * second[2])


def linear(colour: str) -> RGB:
    """Linear light of an sRGB colour written as ``rrggbb``."""
    red, green, blue = (round((int(colour[i : i + 2], 16) / 255) ** 2.2, 9) for i in (0, 2, 4))
    return (red, green, blue)
