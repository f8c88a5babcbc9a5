"""Weights that a training starts from."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from keyhole.targets.card import CARD, WEIGHTS, Card, read_card
from keyhole.targets.neck import find_neck
from keyhole.targets.state import load_state, read_state


def start_from(network: nn.Module, init: Path | None) -> None:
    """Give ``network`` the weights in ``init``: a file, or a folder that ``keyhole train target`` wrote.

    A network with a BNNeck takes a classifier's weights too, all but those of the last layer, in whose place it has the
    BNNeck.

    Raises:
        TargetError: no weights there, or they do not fit.
    """
    if init is None:
        return
    state = read_state(init / WEIGHTS if init.is_dir() else init)
    neck = find_neck(network)
    if neck and f"{neck}.running_mean" not in state:
        kept = {name: value for name, value in state.items() if not name.startswith(f"{neck}.")}
        state = kept | {f"{neck}.{name}": value for name, value in network.get_submodule(neck).state_dict().items()}
    load_state(network, state, str(init), strict=True)


def card_of(init: Path | None) -> Card | None:
    """The card of the weights in ``init``, where they have one."""
    return read_card(init) if init is not None and (init / CARD).is_file() else None
