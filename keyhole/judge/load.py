"""The judge from its weights."""

from __future__ import annotations

from pathlib import Path

from keyhole.judge.card import read_judge_card
from keyhole.judge.find import SHIPPED, JudgeError
from keyhole.judge.judge import Judge
from keyhole.service.files import checksum
from keyhole.targets.card import CARD, WEIGHTS
from keyhole.targets.state_dicts import load_state, read_state
from keyhole.targets.target import TargetError


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
