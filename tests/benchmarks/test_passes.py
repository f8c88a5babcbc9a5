"""When a course of estimates reaches a likeness."""

from __future__ import annotations

import torch

from benchmarks.passes import reached
from keyhole.attacks.base import Estimate


def test_the_first_estimate_that_is_as_like_counts() -> None:
    passes, likeness = (0, 10, 20, 30), (0.3, 0.61, 0.55, 0.7)
    course = [
        (Estimate(torch.zeros(1, 3, 16, 16), count, 1.0, 0.0, False, count), like)
        for count, like in zip(passes, likeness, strict=True)
    ]
    assert reached(course) == {"0.5": "10", "0.6": "10", "0.7": "30", "0.75": "–"}
