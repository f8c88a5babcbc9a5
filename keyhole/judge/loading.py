"""Judges in folders, the shipped one or one's own: weights with the card that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.judge.judge import Judge
from keyhole.service.errors import UsageError
from keyhole.service.files import checksum
from keyhole.targets.state_dicts import load_state, read_state
from keyhole.targets.stored_weights import CARD, WEIGHTS, load_card
from keyhole.targets.target import TargetError

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the shipped weights."""


class JudgeError(UsageError):
    """A judge that does not exist or does not fit; the message says how one is made."""


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


def find_judge(folder: Path | None = None) -> Judge | None:
    """The judge in ``folder``, else the shipped one; None where neither is named nor shipped.

    Raises:
        JudgeError: see `load_judge`; a folder that is named must hold a judge.
    """
    if folder is None and not (SHIPPED / CARD).is_file():
        return None
    return load_judge(folder or SHIPPED)


def load_judge(folder: Path = SHIPPED) -> Judge:
    """The judge whose card and weights are in ``folder``, in evaluation mode.

    Raises:
        JudgeError: there is none, or its weights are not those that the card describes.
    """
    if not (folder / CARD).is_file() or not (folder / WEIGHTS).is_file():
        raise JudgeError(
            f"no judge at {folder}: expected {CARD} and {WEIGHTS}, which `keyhole train judge --out FOLDER` makes"
        )
    judge = Judge()
    try:
        card = read_judge_card(folder)
        state = read_state(folder / WEIGHTS, judge.state_dict())
        load_state(judge, state.tensors, state.source, strict=True)
    except (TargetError, ValueError) as error:
        raise JudgeError(f"{error}; `keyhole train judge --out FOLDER` makes a judge") from error
    if checksum(folder / WEIGHTS) != card.sha256:
        raise JudgeError(f"{folder / WEIGHTS} is not the file that its card describes (SHA-256 {card.sha256[:16]}…)")
    return judge.eval()
