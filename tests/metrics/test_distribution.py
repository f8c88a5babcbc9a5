import math
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from piq.feature_extractors import fid_inception
from scipy.linalg import sqrtm

from keyhole.metrics import METRICS, fid, frechet_distance, inception_score, inception_score_of_logits


def reference_frechet(first: np.ndarray, second: np.ndarray) -> float:
    covariances = [np.cov(part, rowvar=False) for part in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    offset = first.mean(axis=0) - second.mean(axis=0)
    return float(offset @ offset + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.fixture
def sets() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(60, 5, generator=generator, dtype=torch.float64)
    mix = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    return first, torch.randn(40, 5, generator=generator, dtype=torch.float64) @ mix + 1


def test_frechet_distance_equals_an_independent_computation(sets):
    first, second = sets
    assert float(frechet_distance(first, second)) == pytest.approx(reference_frechet(*(s.numpy() for s in sets)))
    assert float(frechet_distance(second, first)) == pytest.approx(float(frechet_distance(first, second)))


def test_frechet_distance_of_two_lines():
    """In one dimension it is (μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    first, second = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [9.0]])
    assert float(frechet_distance(first, second)) == pytest.approx((1 - 6) ** 2 + (math.sqrt(2) - math.sqrt(18)) ** 2)


def test_frechet_distance_with_fewer_samples_than_dimensions(sets):
    first = sets[0][:3]
    assert float(frechet_distance(first, first)) == pytest.approx(0, abs=1e-9)
    assert float(frechet_distance(first, first + 2)) == pytest.approx(5 * 2**2)


@pytest.mark.parametrize(
    "pair",
    [
        (torch.zeros(1, 3), torch.zeros(2, 3)),
        (torch.zeros(2, 3), torch.zeros(2, 4)),
        (torch.zeros(2), torch.zeros(2)),
        (torch.zeros(2, 3), torch.full((2, 3), torch.nan)),
    ],
)
def test_frechet_distance_refuses_what_is_no_pair_of_sets(pair):
    with pytest.raises(ValueError, match="embeddings"):
        frechet_distance(*pair)


def test_inception_score_at_its_ends():
    certain = 1e4 * torch.eye(7)
    assert float(inception_score_of_logits(certain)) == pytest.approx(7)
    assert float(inception_score_of_logits(certain[:1].repeat(4, 1))) == pytest.approx(1)
    assert float(inception_score_of_logits(torch.zeros(4, 7))) == pytest.approx(1)


def test_inception_score_by_hand():
    """Two pictures, (3/4, 1/4) and (1/4, 3/4): the divergence of each from (1/2, 1/2) is ¾·ln(3/2) + ¼·ln(1/2)."""
    logits = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log()
    expected = math.exp(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert float(inception_score_of_logits(logits)) == pytest.approx(expected)


def test_splits_are_scored_apart_and_averaged():
    certain = 1e4 * torch.eye(4)
    assert float(inception_score_of_logits(certain, splits=2)) == pytest.approx(2)
    assert float(inception_score_of_logits(certain[[0, 0, 2, 3]], splits=2)) == pytest.approx((1 + 2) / 2)


@pytest.mark.parametrize(
    ("logits", "splits"),
    [(torch.zeros(3), 1), (torch.zeros(3, 2), 4), (torch.zeros(3, 2), 0), (torch.ones(1, 1) / 0, 1)],
)
def test_inception_score_refuses_what_is_no_table_of_logits(logits, splits):
    with pytest.raises(ValueError, match="logits"):
        inception_score_of_logits(logits, splits)


@pytest.mark.filterwarnings("ignore:.*weights.*", "ignore:The default weight initialization")
def test_scores_of_small_sets(weights, photographs, monkeypatch):
    first, second = photographs(2, 64), photographs(2, 128, seed=1)
    monkeypatch.setattr(fid_inception, "load_state_dict_from_url", Mock(return_value=weights))
    monkeypatch.setattr(torch.nn.init, "trunc_normal_", Mock())
    reference = fid_inception.InceptionV3().eval()
    embeddings = [reference(pictures)[0].flatten(1) for pictures in (first, second)]

    assert float(fid(first, second)) == pytest.approx(float(frechet_distance(*embeddings)), rel=1e-3)
    logits = embeddings[0] @ weights["fc.weight"].T
    expected = float(inception_score_of_logits(logits))
    assert float(inception_score(first)) == pytest.approx(expected, rel=1e-4)


def test_sets_that_are_too_small_are_refused(photographs):
    two = photographs(2, 32)
    with pytest.raises(ValueError, match="reconstructions: FID needs two pictures"):
        fid(two[:1], two)
    with pytest.raises(ValueError, match="2 pictures do not make 3 splits"):
        inception_score(two, splits=3)


def test_inception_distances(weights, photographs, degraded):
    """Each from its own truth; the nearest truth is never farther, and one truth is the nearest to all."""
    truth = photographs(3, 64)
    made = degraded(truth, 0.2)
    own = METRICS["feature_distance"].scores(made, truth)
    assert METRICS["feature_distance"].scores(truth, truth) == [0, 0, 0]
    assert 0 < METRICS["knn_distance"].score_of_set(made, truth) <= sum(own) / 3
    nearest = METRICS["knn_distance"].score_of_set(truth.flip(0), truth)
    assert nearest == pytest.approx(0, abs=1e-3)
