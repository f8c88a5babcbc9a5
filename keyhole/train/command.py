"""``keyhole train target``: from pictures to weights with a card."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from torch import nn

from keyhole.service.files import TRAINING, alone
from keyhole.targets.settings import TaskName
from keyhole.targets.stored_weights import this_command
from keyhole.terminal import terminal
from keyhole.train.loop import train_task
from keyhole.train.settings import TrainSettings
from keyhole.train.snapshots import Snapshots
from keyhole.train.task import Task
from keyhole.train.tasks.captions import captions
from keyhole.train.tasks.classification import classification
from keyhole.train.tasks.detection import detection
from keyhole.train.tasks.pretraining import pretraining
from keyhole.train.tasks.reidentification import reidentification
from keyhole.train.weights import card_of, origin_of, store_weights, write_target_card

TASKS: Mapping[TaskName, Callable[[TrainSettings, Console], Task]] = {
    "classification": classification,
    "re-identification": reidentification,
    "pretraining": pretraining,
    "detection": detection,
    "captions": captions,
}


def train(settings: TrainSettings) -> int:
    """Train, store as int8, measure what is stored, write the card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: data or settings that cannot be trained with.
    """
    console = terminal()
    with alone(settings.out, TRAINING):
        task = TASKS[settings.task](settings, console)
        command, recipe = this_command(), dataclasses.asdict(task.recipe)
        for role in ("teacher", "init"):
            if earlier := card_of(getattr(settings, role)):
                command, recipe = f"{earlier.command} && {command}", {**recipe, role: earlier.recipe}

        def write(network: nn.Module, folder: Path) -> None:
            task.write_beside(network, folder)
            write_target_card(
                dataclasses.replace(settings, out=folder),
                task,
                task.outputs,
                store_weights(task.target(network), folder, lambda: task.figures(network), task.stored),
                console,
                architecture=settings.architecture,
                recipe=recipe,
                command=command,
            )

        along = Snapshots(settings.keep_every, task.steps, task.recipe.epochs * task.steps, settings.out, write)
        trained = train_task(
            task, settings.out, lambda module, done: along(task.network(module), done), origin_of(settings)
        )
        write(trained.cpu(), settings.out)
        console.print(
            f"use it with --target {settings.out}; keyhole cuts {settings.out} lists its cuts", soft_wrap=True
        )
        return 0
