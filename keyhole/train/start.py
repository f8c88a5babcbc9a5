"""Weights that a training starts from."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from keyhole.targets.card import CARD, WEIGHTS, Card, read_card
from keyhole.targets.state import load_state, read_state


def start_from(network: nn.Module, init: Path | None) -> None:
    """Give ``network`` the weights in ``init``: a file, or a folder that ``keyhole train target`` wrote.

    Raises:
        TargetError: no weights there, or they do not fit.
    """
    if init is not None:
        path = init / WEIGHTS if init.is_dir() else init
        load_state(network, read_state(path), str(init), strict=True)


def card_of(init: Path | None) -> Card | None:
    """The card of the weights in ``init``, where they have one."""
    return read_card(init) if init is not None and (init / CARD).is_file() else None
