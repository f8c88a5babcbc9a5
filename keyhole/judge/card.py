"""The card beside the judge's weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.checksum import checksum
from keyhole.service.errors import UsageError
from keyhole.targets.card import CARD, WEIGHTS, save_card


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
    """The card in ``folder``.

    Raises:
        ValueError: no card there, or its fields are others.
    """
    path = folder / CARD
    try:
        return JudgeCard(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"cannot read the card {path}: {error}") from error


def write_judge_card(card: JudgeCard, folder: Path) -> None:
    """Write ``card`` into ``folder``, with the checksum of the weights that lie there."""
    save_card(dataclasses.replace(card, sha256=checksum(folder / WEIGHTS)), folder)
