"""Scores of reconstructions, and what many of them say together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from torch import Tensor

from keyhole.metrics import eq14, psnr, ssim
from keyhole.metrics.interval import reach_95


@dataclass(frozen=True)
class Scores:
    """How near one reconstruction came.

    Attributes:
        psnr: peak signal-to-noise ratio in dB, peak 1.
        ssim: structural similarity.
        eq14: the feature-inversion paper's own "PSNR", see `keyhole.metrics.eq14`.
    """

    psnr: float
    ssim: float
    eq14: float


def score(reconstructions: Tensor, truths: Tensor) -> list[Scores]:
    """Scores of RGB pictures in [0, 1], N×3×H×W, against as many truths."""
    columns = (psnr(reconstructions, truths), ssim(reconstructions, truths), eq14(reconstructions, truths))
    return [Scores(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def average(scores: Sequence[Scores]) -> Scores:
    """The mean of several scores of one picture."""
    return Scores(*(statistics.fmean(figures) for figures in zip(*map(astuple, scores), strict=True)))


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval by Student's t.

    Attributes:
        mean: of the values.
        reach: from the mean to either end of the interval; NaN for a single value, and where one is infinite (the
            PSNR of a picture that is met exactly).
    """

    mean: float
    reach: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """
        >>> round(Mean.of([1.0, 2.0, 3.0]).reach, 3)
        2.484
        """
        return cls(statistics.fmean(values), reach_95(values))
