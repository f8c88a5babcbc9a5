"""Weights that a training starts from."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from keyhole.targets.card import CARD, WEIGHTS, Card, read_card
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.neck import find_neck
from keyhole.targets.state_dicts import load_state, read_state


def start_from(network: nn.Module, init: Path | None) -> None:
    """Give ``network`` the weights in ``init``: a file, a folder of ``keyhole train target``, or a shipped target.

    A network with a BNNeck takes a classifier's weights too, all but those of the last layer, in whose place it has the
    BNNeck.

    Raises:
        TargetError: no weights there, or they do not fit.
    """
    if init is None:
        return
    place = place_of(init)
    stored = read_state(place / WEIGHTS if place.is_dir() else place, network.state_dict())
    state, neck = stored.tensors, find_neck(network)
    if neck and f"{neck}.running_mean" not in state:
        kept = {name: value for name, value in state.items() if not name.startswith(f"{neck}.")}
        state = kept | {f"{neck}.{name}": value for name, value in network.get_submodule(neck).state_dict().items()}
    load_state(network, state, stored.source, strict=True)


def card_of(init: Path | None) -> Card | None:
    """The card of the weights in ``init``, where they have one."""
    place = init and place_of(init)
    return read_card(place) if place and (place / CARD).is_file() else None


def place_of(weights: Path) -> Path:
    """The path itself, or the folder of the shipped target of that name where there is nothing at the path."""
    shipped = SHIPPED / weights
    return shipped if len(weights.parts) == 1 and not weights.exists() and shipped.is_dir() else weights
