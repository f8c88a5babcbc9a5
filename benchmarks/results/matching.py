"""The undefended training as a curve, attack accuracy over natural accuracy, to compare a defence with where both are
equally accurate (Ho et al. 2024, TL-DMI, §4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from benchmarks.results.inversions import ByClass, InversionRun, mean_of, mixed


@dataclass(frozen=True)
class UndefendedCurve:
    """What one attack gets along a training.

    Attributes:
        word: of the attack.
        points: natural accuracy in [0, 1], rising, and the attack's share of every class.
    """

    word: str
    points: tuple[tuple[float, ByClass], ...]

    @classmethod
    def of(cls, word: str, runs: Sequence[InversionRun]) -> Self:
        """The curve through the runs that have the attack."""
        points = [(mean_of(run.natural), run.by_class(word)) for run in runs if word in run.rows]
        return cls(word, tuple(sorted(points, key=lambda point: point[0])))

    def at(self, natural: float) -> ByClass:
        """The attack's share of every class at a natural accuracy, between the two points beside it; that of the end
        where none is as accurate; empty where all are more accurate."""
        if not self.points or natural < self.points[0][0]:
            return {}
        for (low, worse), (high, better) in pairwise(self.points):
            if natural <= high:
                return mixed(better, worse, (natural - low) / (high - low) if high > low else 1.0)
        return self.points[-1][1]

    def lost(self, run: InversionRun) -> ByClass:
        """What the attack gets less of a defended target than of an undefended one that is as accurate, class by class;
        empty where there is none."""
        matched, own = self.at(mean_of(run.natural)), run.by_class(self.word)
        return {name: matched[name] - value for name, value in own.items() if name in matched}
