"""Rank correlations of scores with what a judge reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.orders import OrdersRow, of_conditions, of_pictures, row, with_bootstrap
from benchmarks.specimens import legible, read
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE
from keyhole.judge.reading import near_plate
from keyhole.metrics.registry import METRICS

QUALITY = np.array([0.1, 0.4, 0.9])  # of three conditions
PICTURES = np.linspace(0.0, 0.05, 8)
SHARES = QUALITY[:, None] + PICTURES


def correlated(metric: str, scores: np.ndarray) -> OrdersRow:
    by_condition: dict[str, Sequence[float]] = {str(place): list(values) for place, values in enumerate(scores)}
    shares = {str(place): {PLATE: one, DRIVER: one * np.nan, VEHICLE: 1 - one} for place, one in enumerate(SHARES)}
    return row("some", METRICS[metric], by_condition, shares, 50)


def test_the_judges_order_is_one_and_its_reverse_minus_one() -> None:
    found = correlated("ssim", SHARES**3)
    assert (found.plate, found.plates) == ("1.00 [1.00, 1.00]",) * 2
    assert (found.vehicle, found.vehicles) == ("-1.00 [-1.00, -1.00]",) * 2


def test_a_metric_that_falls_is_turned() -> None:
    assert correlated("l2", 1 - SHARES).plate == "1.00 [1.00, 1.00]"


def test_a_secret_that_no_picture_shows_has_no_order() -> None:
    assert correlated("ssim", SHARES).driver == "–"


def test_a_score_that_tells_pictures_apart_and_not_reconstructions_has_less_in_common() -> None:
    pictures_alone, conditions_alone = np.repeat(PICTURES[None], 3, axis=0), np.repeat(QUALITY[:, None], 8, axis=1)
    assert of_pictures(pictures_alone, SHARES) < 0.4
    assert of_pictures(conditions_alone, SHARES) > 0.8
    assert with_bootstrap(of_conditions, pictures_alone, SHARES, 50) == "–"


def test_pictures_that_do_not_show_the_secret_are_left_out() -> None:
    shares, scores = SHARES.copy(), SHARES.copy()
    shares[:, 3], scores[:, 3] = np.nan, 99.0
    assert with_bootstrap(of_pictures, scores, shares, 50) == "1.00 [1.00, 1.00]"


class Echo:
    """Reads every plate as it is where the picture is bright."""

    def __init__(self, plates: Sequence[str]) -> None:
        self._plates = plates

    def embed(self, pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(2, 3))

    def read_plates(self, pictures: Tensor, corners: Tensor) -> list[str]:
        assert len(corners) == len(pictures)
        return [plate if one.mean() > 0.5 else "" for plate, one in zip(self._plates, pictures, strict=True)]

    def read_drivers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        assert len(boxes) == len(pictures)
        return [{"hat": "no such"} for _ in boxes]

    def read_passengers(self, pictures: Tensor, boxes: Tensor) -> list[dict[str, str]]:
        assert len(boxes) == len(pictures)
        return [{} for _ in boxes]


def test_specimens_show_a_plate_and_shares_are_of_each_picture() -> None:
    samples = legible(3)
    labels = [sample.secrets for sample in samples if sample.secrets]
    assert len(labels) == 3
    assert all(near_plate(label) for label in labels)
    pictures = torch.zeros(3, 3, 128, 128)
    pictures[1] = 1.0
    found = read(Echo([label.plate for label in labels]), pictures, labels, {})
    assert found[PLATE].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(found[VEHICLE]).all()
    assert set(found[DRIVER][~np.isnan(found[DRIVER])]) <= {0.0}
