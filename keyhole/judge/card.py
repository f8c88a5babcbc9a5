"""The card beside the judge's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.targets.card import load_card


@dataclass(frozen=True)
class JudgeCard:
    """What is known about a judge.

    Attributes:
        architecture: of the embedding.
        data: what it was trained on.
        licence: licence of the weights.
        recipe: settings of the training.
        seed: seed of the training.
        figures: measured values by name; shares lie in [0, 1].
        command: command that makes the weights again.
        sha256: SHA-256 of the file of weights, in hexadecimal.
    """

    architecture: str
    data: str
    licence: str
    recipe: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]
    command: str
    sha256: str = ""


def read_judge_card(folder: Path) -> JudgeCard:
    """The card of the judge in ``folder``.

    Raises:
        UsageError: no card there, or its fields are others.
    """
    return load_card(JudgeCard, folder)
