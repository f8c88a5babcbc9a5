"""Mean average precision of boxes."""

from __future__ import annotations

import pytest
import torch

from keyhole.metrics import detection
from keyhole.metrics.detection import mean_average_precision
from keyhole.service.errors import UsageError

NAMES = ("vehicle", "plate", "person")
TRUTHS = [
    {"boxes": torch.tensor([[0.0, 0.0, 60.0, 40.0], [20.0, 30.0, 41.0, 38.0]]), "labels": torch.tensor([0, 1])},
    {"boxes": torch.tensor([[10.0, 10.0, 70.0, 50.0]]), "labels": torch.tensor([0])},
]


def found(drop: int = 0, shift: float = 0.0) -> list[dict[str, torch.Tensor]]:
    return [
        {
            "boxes": truth["boxes"][drop:] + torch.tensor([shift, 0.0, shift, 0.0]),
            "labels": truth["labels"][drop:],
            "scores": torch.full_like(truth["labels"][drop:], 0.9, dtype=torch.float32),
        }
        for truth in TRUTHS
    ]


def test_perfect_boxes_have_all_and_none_have_nothing() -> None:
    pytest.importorskip(detection.BACKEND)
    perfect = mean_average_precision(found(), TRUTHS, NAMES)
    assert perfect == pytest.approx({"mAP": 100, "mAP50": 100, "AP50_vehicle": 100, "AP50_plate": 100})
    nothing = mean_average_precision(found(drop=2), TRUTHS, NAMES)
    assert set(nothing.values()) == {0.0}


def test_boxes_that_are_missed_or_inexact_cost() -> None:
    pytest.importorskip(detection.BACKEND)
    missed = mean_average_precision(found(drop=1), TRUTHS, NAMES)  # both vehicles
    assert missed == pytest.approx({"mAP": 50, "mAP50": 50, "AP50_vehicle": 0, "AP50_plate": 100})
    # IOU of vehicles (60 - 5) / (60 + 5) = 0.846: 7 of 10 thresholds; of the plate 16/26 = 0.615: 3 of 10.
    inexact = mean_average_precision(found(shift=5.0), TRUTHS, NAMES)
    assert (inexact["mAP50"], inexact["mAP"]) == pytest.approx((100, 50))


def test_without_its_backend_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "BACKEND", "no_such_backend")
    with pytest.raises(UsageError, match="pip install no_such_backend"):
        mean_average_precision(found(), TRUTHS, NAMES)
