"""Verdicts of an evaluation classifier on one picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from keyhole.judge.class_verdict import EvaluationClassifier


@pytest.mark.parametrize(
    ("logits", "rank"),
    [([0.1, 0.9, 0.2], 1), ([0.9, 0.5, 0.5], 3), ([float("nan")] * 3, 3), ([float("nan"), 0.5, 0.2], 2)],
)
def test_ties_and_what_is_no_number_count_against_the_class_that_was_meant(logits: list[float], rank: int) -> None:
    target = SimpleNamespace(
        name="other", labels=("a", "b", "c"), preprocess=lambda rgb: rgb, model=lambda _: torch.tensor([logits])
    )
    verdict = EvaluationClassifier(cast(Any, target))(torch.zeros(3, 4, 4), "b")
    assert verdict is not None
    assert (verdict.rank, verdict.classes, verdict.recognised) == (rank, 3, rank == 1)
