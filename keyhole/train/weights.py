"""Weights of a training: where it starts from, and what it stores, with a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor, nn

from keyhole.service.files import checksum
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.membership import TrainedOn
from keyhole.targets.neck import find_neck
from keyhole.targets.state_dicts import load_state, read_state
from keyhole.targets.stored_weights import CARD, WEIGHTS, Card, load_weights, read_card, save_quantised, write_card
from keyhole.train.settings import TrainSettings, TuningSettings
from keyhole.train.task import Outputs, Task


def start_from(network: nn.Module, init: Path | None) -> str:
    """Give ``network`` the weights in ``init``: a file, a folder of ``keyhole train target``, or a shipped target.

    A network with a BNNeck takes a classifier's weights too, all but those of the last layer, in whose place it has the
    BNNeck. A classifier takes those of one with other classes, or with a BNNeck; its last layer keeps its own.

    Returns:
        A sentence where the last layer starts afresh; empty: all weights are those of ``init``.

    Raises:
        TargetError: no weights there, or they do not fit.
    """
    if init is None:
        return ""
    stored = read_state(_file_of(init), network.state_dict())
    last = find_neck(network) or _classifier(network)
    if not last or not _lacks_only(network, stored.tensors, last):
        load_state(network, stored.tensors, stored.source, strict=True)
        return ""
    kept = {name: value for name, value in stored.tensors.items() if not name.startswith(f"{last}.")}
    own = {f"{last}.{name}": value for name, value in network.get_submodule(last).state_dict().items()}
    load_state(network, kept | own, stored.source, strict=True)
    return f"{last} starts afresh: {stored.source} has none that fits"


def _lacks_only(network: nn.Module, state: Mapping[str, Tensor], last: str) -> bool:
    """Whether ``state`` has all that a network needs but its last layer."""
    own = {name: value.shape for name, value in network.state_dict().items() if value.is_floating_point()}
    unmet = {name for name, shape in own.items() if name not in state or state[name].shape != shape}
    return bool(unmet) and all(name.startswith(f"{last}.") for name in unmet)


def _classifier(network: nn.Module) -> str | None:
    """The path of the last linear layer."""
    found = [path for path, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    return found[-1] if found else None


_ORIGIN = ("data", "part", "identities", "views", "held_back", "held_out", "architecture", "size", "teacher")


def origin_of(settings: TrainSettings) -> dict[str, Any]:
    """The settings of a training's data and network, and the SHA-256 of the weights that it starts from: what tells it
    from others, besides its recipe."""
    init = settings.init and _file_of(settings.init)
    start = checksum(init) if init and init.is_file() else None
    return {**{f"--{name}": getattr(settings, name) for name in _ORIGIN}, "--init": start}


def _file_of(init: Path) -> Path:
    place = place_of(init)
    return place / WEIGHTS if place.is_dir() else place


def card_of(init: Path | None) -> Card | None:
    """The card of the weights in ``init``, where they have one."""
    place = init and place_of(init)
    return read_card(place) if place and (place / CARD).is_file() else None


def place_of(weights: Path) -> Path:
    """The path itself or, if nothing is there, the folder of the shipped target of that name."""
    shipped = SHIPPED / weights
    return shipped if len(weights.parts) == 1 and not weights.exists() and shipped.is_dir() else weights


Figures = dict[str, float]


def store_weights(
    network: nn.Module, folder: Path, measured: Callable[[], Mapping[str, float]], part: Set[str] | None = None
) -> Figures:
    """Store a network's weights as int8; afterwards it has the stored ones.

    Args:
        network: on the CPU.
        folder: that is there.
        measured: figures of the network as it is, by name.
        part: names of the tensors to store; None: all.

    Returns:
        Figures of the stored weights, and of those before by the same names with ``_fp32``.
    """
    figures = named(measured(), "fp32")
    state = network.state_dict()
    save_quantised({name: state[name] for name in state if part is None or name in part}, folder / WEIGHTS)
    network.load_state_dict(load_weights(folder / WEIGHTS), strict=part is None)
    return figures | dict(measured())


def write_target_card(
    settings: TrainSettings | TuningSettings,
    task: Task,
    outputs: Outputs,
    figures: Figures,
    console: Console,
    *,
    architecture: str,
    recipe: Mapping[str, object],
    command: str,
) -> None:
    """Write the card of a target whose weights are in ``settings.out``, and whom it was trained on; print its figures.

    Args:
        settings: flags of the training.
        task: that it was trained for.
        outputs: what it answers with.
        figures: in percent, by name.
        console: to print on.
        architecture: its name.
        recipe: the hyper-parameters.
        command: that makes the weights again.
    """
    card = Card(
        name=settings.out.name,
        architecture=architecture,
        data=task.data,
        licence=settings.licence,
        recipe=dict(recipe),
        seed=settings.seed,
        figures={**{name: round(value, 2) for name, value in figures.items()}, **task.tested_on},
        command=command,
        size=task.preprocess.size,
        mean=task.preprocess.mean,
        std=task.preprocess.std,
        labels=outputs.labels,
        sha256="",
        task=task.kind,
        embedding=outputs.embedding,
        backbone=dict(task.backbone),
    )
    write_card(card, settings.out)
    (_started_from(settings) | task.trained_on).write(settings.out)
    console.print({name: f"{value:.1f} %" for name, value in figures.items()})


def _started_from(settings: TrainSettings | TuningSettings) -> TrainedOn:
    """Who was seen in the training of the weights that another one started from."""
    if isinstance(settings, TuningSettings):
        return TrainedOn.of_target(settings)
    place = settings.init and place_of(settings.init)
    return TrainedOn.read(place if place.is_dir() else place.parent) if place else TrainedOn()


def named(figures: Mapping[str, float], state: str) -> Figures:
    """Figures with ``state``, in which they were measured, added to their names: ``top1_fp32``."""
    return {f"{name}_{state}": value for name, value in figures.items()}
