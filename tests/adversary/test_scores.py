"""Scores of reconstructions, and their means."""

import math

import pytest
import torch
from scipy import stats

from adversary.evaluation.scores import Mean, score


def test_the_interval_is_students() -> None:
    values = [20.0, 23.5, 19.0, 28.25]
    low, high = stats.t.interval(0.95, 3, loc=23 - 0.3125, scale=stats.sem(values))
    mean = Mean.of(values)
    assert mean.mean == pytest.approx((low + high) / 2)
    assert mean.reach == pytest.approx((high - low) / 2)


def test_a_picture_that_is_met_exactly_has_an_infinite_psnr_and_no_interval() -> None:
    truths = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    scores = score(torch.cat([truths[:2], 1 - truths[2:]]), truths)
    assert [one.psnr for one in scores[:2]] == [math.inf, math.inf]
    assert scores[0].ssim == pytest.approx(1)
    mean = Mean.of([one.psnr for one in scores])
    assert mean.mean == math.inf
    assert math.isnan(mean.reach)
    assert math.isnan(Mean.of([1.0]).reach)
