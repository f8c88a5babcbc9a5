"""Scores of reconstructions, and their means."""

import math

import pytest
import torch

from keyhole.evaluation.scores import score
from keyhole.metrics.interval import Mean
from keyhole.metrics.registry import DEFAULT, metrics_named


def test_a_picture_that_is_met_exactly_has_an_infinite_psnr_and_no_interval() -> None:
    truths = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    scores = score(torch.cat([truths[:2], 1 - truths[2:]]), truths, metrics_named(DEFAULT))
    assert [one["psnr"] for one in scores[:2]] == [math.inf, math.inf]
    assert scores[0]["ssim"] == pytest.approx(1)
    assert Mean.of([one["psnr"] for one in scores]) == Mean(math.inf, None)
