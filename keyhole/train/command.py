"""``keyhole train target``: from pictures to weights with a card."""

from __future__ import annotations

import dataclasses
import shlex
import sys

from keyhole.service.folder import TRAINING, alone
from keyhole.targets.card import Card, write_card
from keyhole.terminal import terminal
from keyhole.train.loop import fit
from keyhole.train.settings import TrainSettings
from keyhole.train.start import card_of
from keyhole.train.stored import store_weights
from keyhole.train.table import TASKS


def train(settings: TrainSettings) -> int:
    """Train, store as int8, measure what is stored, write the card; the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: data or settings that cannot be trained with.
    """
    console = terminal()
    with alone(settings.out, TRAINING):
        task = TASKS[settings.task](settings, console)
        network = fit(task, settings.out).cpu()

        figures = store_weights(network, settings.out, lambda: task.figures(network))
        command, recipe = shlex.join(["keyhole", *sys.argv[1:]]), dataclasses.asdict(task.recipe)
        for role in ("teacher", "init"):
            if earlier := card_of(getattr(settings, role)):
                command, recipe = f"{earlier.command} && {command}", {**recipe, role: earlier.recipe}
        card = Card(
            name=settings.out.name,
            architecture=settings.architecture,
            data=task.data,
            licence=settings.licence,
            recipe=recipe,
            seed=settings.seed,
            figures={**{name: round(value, 2) for name, value in figures.items()}, **task.tested_on},
            command=command,
            size=task.preprocess.size,
            mean=task.preprocess.mean,
            std=task.preprocess.std,
            labels=task.outputs.labels,
            sha256="",
            task=settings.task,
            embedding=task.outputs.embedding,
        )
        write_card(card, settings.out)
        console.print({name: f"{value:.1f} %" for name, value in figures.items()})
        console.print(
            f"use it with --target {settings.out}; keyhole cuts {settings.out} lists its cuts", soft_wrap=True
        )
        return 0
