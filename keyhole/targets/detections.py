"""Answers with boxes, as torchvision's detectors give them."""

from __future__ import annotations

from typing import Any

from keyhole.nn.nested_tensors import named_tensors

BOXES, LABELS, SCORES = "0.boxes", "0.labels", "0.scores"
"""Names, in an answer, of the tensors of the first picture (see `named_tensors`)."""


def answers_with_boxes(answer: Any) -> bool:
    """Whether an answer is a list with a mapping for each picture, which has boxes, labels and scores."""
    return {BOXES, LABELS, SCORES} <= named_tensors(answer).keys()
