"""What a target answers with, which says how well it can be measured and what else can be done with it."""

from __future__ import annotations

from typing import Literal

import torch

from keyhole.service.errors import UsageError
from keyhole.sizes import height_width
from keyhole.targets.detections import answers_with_boxes
from keyhole.targets.neck import answers_with_embedding
from keyhole.targets.target import Target

AnswerKind = Literal["classes", "identities", "texts", "boxes", "other"]
ANSWERS: dict[AnswerKind, str] = {
    "classes": "classes",
    "identities": "an embedding by which identities are found again",
    "texts": "an embedding that pictures share with texts",
    "boxes": "boxes",
    "other": "neither classes nor an embedding nor boxes",
}
"""Each in words."""


def answer_kind(target: Target) -> AnswerKind:
    """What a target answers with. A model of one's own whose answer is N×outputs and that has no BNNeck counts as a
    classifier."""
    if target.outputs:
        if answers_with_embedding(target.model):
            return "identities"
        return "texts" if target.embeds_texts else "classes"
    picture = torch.zeros(1, 3, *height_width(target.preprocess.size))
    with torch.inference_mode():
        return "boxes" if answers_with_boxes(target.model(target.preprocess.normalise(picture))) else "other"


def check_classifies(target: Target, who: str) -> None:
    """Refuse a target that does not answer with classes whose names are known.

    Args:
        target: which.
        who: needs its classes, for the message.

    Raises:
        UsageError: it answers otherwise, or names no classes.
    """
    kind = answer_kind(target)
    if kind == "classes" and target.labels:
        return
    answers = "" if kind == "classes" else f"answers with {ANSWERS[kind]}"
    unnamed = "" if target.labels else "does not say which classes it tells apart"
    raise UsageError(
        f"{target.name} {' and '.join(filter(None, (answers, unnamed)))}: {who} needs a classifier with its card, as "
        "`keyhole train target --task classification` writes it"
    )
