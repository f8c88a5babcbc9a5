"""NoPeek: the distance correlation, and that it falls."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from keyhole.data.labelled import LabelledPictures
from keyhole.targets import Preprocess
from keyhole.train.defences.nopeek import NoPeek, distance_correlation
from tests.train.defence_making import trained
from tests.train.patrol_making import SIDE, class_folders


def pairwise(one: np.ndarray, other: np.ndarray) -> float:
    """By loops over all pairs, from the definition."""

    def centred(samples: np.ndarray) -> np.ndarray:
        count = len(samples)
        distances = np.zeros((count, count))
        for j in range(count):
            for k in range(count):
                distances[j, k] = math.sqrt(sum((a - b) ** 2 for a, b in zip(samples[j], samples[k], strict=True)))
        rows, columns, all_ = distances.mean(1), distances.mean(0), distances.mean()
        return np.array([[distances[j, k] - rows[j] - columns[k] + all_ for k in range(count)] for j in range(count)])

    a, b = centred(one), centred(other)
    return math.sqrt((a * b).mean() / math.sqrt((a * a).mean() * (b * b).mean()))


def samples(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_the_correlation_is_the_definitions() -> None:
    one = samples(9, 5, 0)
    for other in (samples(9, 3, 1), one[:, :2] ** 2, torch.cat([one[:8], one[:1]])):
        expected = pairwise(one.double().numpy(), other.double().numpy())
        assert distance_correlation(one.view(9, 5, 1), other).item() == pytest.approx(expected, rel=1e-4)


def test_it_is_1_for_a_rotation_and_0_for_a_constant() -> None:
    one = samples(20, 4, 2)
    turned = 3 * one @ torch.linalg.qr(samples(4, 4, 3)).Q + 1
    assert distance_correlation(one, turned).item() == pytest.approx(1, abs=1e-4)
    assert distance_correlation(one, torch.ones(20, 2)).item() < 1e-3


def test_equal_samples_have_finite_gradients() -> None:
    one = samples(6, 3, 4)
    other = torch.cat([samples(3, 3, 5)] * 2).requires_grad_(True)
    distance_correlation(one, other).backward()
    assert other.grad is not None
    assert torch.isfinite(other.grad).all()
    assert (other.grad != 0).any()


def test_features_tell_less_of_the_picture_at_the_same_accuracy(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data")
    correlations, accuracies = [], []
    for weight in (0.0, 3.0):
        split = trained(NoPeek(weight), root, tmp_path / str(weight), epochs=10)
        held_out = LabelledPictures.load(root, "val")
        pictures = held_out.pictures / 255
        network = split.task.module.eval()
        with torch.no_grad():
            features = split.features(Preprocess(SIDE).normalise(pictures))
            hits = network(Preprocess(SIDE).normalise(pictures)).argmax(1) == held_out.labels
        correlations.append(distance_correlation(pictures, features).item())
        accuracies.append(hits.float().mean().item())
    assert correlations[1] < correlations[0] - 0.1
    assert accuracies[1] > 0.9
