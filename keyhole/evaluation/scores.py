"""Scores of reconstructions, and what many of them say together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from torch import Tensor

from keyhole.metrics import eq14, psnr, ssim


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
    """The mean of several scores."""
    return Scores(*(statistics.fmean(figures) for figures in zip(*map(astuple, scores), strict=True)))
