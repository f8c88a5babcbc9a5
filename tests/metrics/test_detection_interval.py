"""How sure a mean average precision is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keyhole.metrics import detection
from keyhole.metrics.detection import Found, mean_average_precision
from keyhole.metrics.detection_interval import MatchedBoxes

pytest.importorskip(detection.BACKEND)
NAMES = ("vehicle", "plate", "person")


def pictures(count: int, *, miss: float = 0.3, seed: int = 0) -> tuple[list[Found], list[Found]]:
    """What is found, some of it twice or beside, and what is there."""
    random = torch.Generator().manual_seed(seed)
    found, truths = [], []
    for number in range(count):
        things = 1 + number % 3
        corners = 40 * torch.rand(things, 2, generator=random)
        boxes = torch.cat([corners, corners + 10 + 30 * torch.rand(things, 2, generator=random)], 1)
        labels = torch.arange(things)
        kept = torch.rand(2 * things, generator=random) > miss
        guesses = torch.cat([boxes, boxes]) + 4 * torch.randn(2 * things, 4, generator=random)
        scores = torch.rand(2 * things, generator=random)
        truths.append({"boxes": boxes, "labels": labels})
        found.append({"boxes": guesses[kept], "labels": torch.cat([labels, labels])[kept], "scores": scores[kept]})
    return found, truths


def test_each_picture_once_is_the_mean_average_precision() -> None:
    found, truths = pictures(12)
    assert MatchedBoxes.of(found, truths).mean() == pytest.approx(mean_average_precision(found, truths, NAMES)["mAP"])


def test_a_picture_that_is_drawn_twice_counts_twice_and_one_that_is_not_drawn_not() -> None:
    found, truths = pictures(9)
    times = np.array([2, 0, 1, 3, 0, 0, 1, 2, 0])
    again = [number for number, count in enumerate(times) for _ in range(count)]
    expected = mean_average_precision([found[n] for n in again], [truths[n] for n in again], NAMES)["mAP"]
    assert MatchedBoxes.of(found, truths).mean(times) == pytest.approx(expected)


def test_classes_of_which_nothing_is_drawn_or_nothing_found() -> None:
    found, truths = pictures(6)
    found = [{name: value[each["labels"] != 1] for name, value in each.items()} for each in found]
    matched = MatchedBoxes.of(found, truths)
    assert matched.mean() == pytest.approx(mean_average_precision(found, truths, NAMES)["mAP"])
    only_vehicles = np.array([1, 0, 0, 1, 0, 0])
    of_first = mean_average_precision([found[0], found[3]], [truths[0], truths[3]], NAMES)["mAP"]
    assert matched.mean(only_vehicles) == pytest.approx(of_first)


def test_the_interval_holds_the_mean_and_narrows_with_the_pictures() -> None:
    few, many = (MatchedBoxes.of(*pictures(count)) for count in (12, 120))
    spans = []
    for matched in (few, many):
        low, high = matched.interval() or (0.0, 0.0)
        assert low < matched.mean() < high
        spans.append(high - low)
    assert spans[1] < spans[0] / 2
    assert MatchedBoxes.of(*pictures(4)).interval() is None


def test_the_interval_is_that_of_resampled_pictures() -> None:
    matched = MatchedBoxes.of(*pictures(30))
    low, high = matched.interval() or (0.0, 0.0)
    random = np.random.default_rng(5)
    means = [matched.mean(np.bincount(random.integers(30, size=30), minlength=30)) for _ in range(400)]
    assert (low, high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.2 * (high - low))
