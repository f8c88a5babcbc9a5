"""What a training leaves in its folder: weights as int8, and for a target that was trained further its card."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Set
from pathlib import Path

from rich.console import Console
from torch import nn

from keyhole.service.errors import UsageError
from keyhole.targets import Card, Target, load_target, write_card
from keyhole.targets.card import WEIGHTS
from keyhole.targets.catalogue import architecture_of
from keyhole.targets.user_models import count_outputs
from keyhole.targets.weight_files import load_weights, save_quantised
from keyhole.train.task import Task
from keyhole.train.tuning import TuningSettings

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


def trained_target(settings: TuningSettings, who: str) -> Target:
    """The target that flags name, which ``who`` starts from.

    Raises:
        UsageError: its weights are random.
        TargetError: no such target or weights, or the target is pruned or defended already.
    """
    architecture_of(settings.target)
    target = load_target(settings.target, settings.weights, size=settings.size)
    if target.weights.startswith("random"):
        raise UsageError(f"{settings.target} has random weights: {who} starts from a trained target (--weights FILE)")
    return target


def write_tuned_card(
    settings: TuningSettings,
    target: Target,
    network: nn.Module,
    task: Task,
    recipe: Mapping[str, object],
    figures: Figures,
    console: Console,
) -> None:
    """Write the card of a target that was trained further, and print its figures.

    Args:
        settings: flags of the training.
        target: that it started from.
        network: that came out, as it is stored.
        task: that it was trained for.
        recipe: the hyper-parameters.
        figures: in percent, by name.
        console: to print on.
    """
    size = target.preprocess.size
    embedding = count_outputs(network, size) if task.outputs.embedding else None
    card = Card(
        name=settings.out.name,
        architecture=architecture_of(settings.target),
        data=task.data,
        licence=settings.licence,
        recipe=dict(recipe),
        seed=settings.seed,
        figures={**{name: round(value, 2) for name, value in figures.items()}, **task.tested_on},
        command=shlex.join(["keyhole", *sys.argv[1:]]),
        size=size,
        mean=target.preprocess.mean,
        std=target.preprocess.std,
        labels=task.outputs.labels,
        sha256="",
        task="classification" if embedding is None else "re-identification",
        embedding=embedding,
    )
    write_card(card, settings.out)
    console.print({name: f"{value:.1f} %" for name, value in figures.items()})


def named(figures: Mapping[str, float], state: str) -> Figures:
    """Figures with the state that they were measured in behind their names."""
    return {f"{name}_{state}": value for name, value in figures.items()}
