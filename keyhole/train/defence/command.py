"""``keyhole train defence``: from a target to a defended one, with plan, card and, for some methods, a mechanism."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Mapping

import torch
from rich.console import Console

from keyhole.defences import Defence, defence_named
from keyhole.partition import survey
from keyhole.partition.pruning.plan import PruningPlan, write_plan
from keyhole.service.errors import UsageError
from keyhole.targets import Card, load_target, write_card
from keyhole.targets.card import WEIGHTS
from keyhole.targets.defence import NO_DEFENCE
from keyhole.targets.own import count_outputs
from keyhole.targets.pruned import DEFENDED, architecture_of
from keyhole.targets.quantise import load_weights, save_quantised
from keyhole.train.defence.deployed import Deployed, Protect
from keyhole.train.defence.registry import method_named
from keyhole.train.defence.settings import DefenceSettings
from keyhole.train.defence.split import Split
from keyhole.train.defence.training import Defending
from keyhole.train.loop import learn
from keyhole.train.own_task import make_trainable, own_task


def defence(settings: DefenceSettings) -> int:
    """Train, store as int8, measure what is stored behind the mechanism that is stored, write plan and card; the exit
    code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: no such target, cut, method or setting, or data or settings that cannot be trained with.
    """
    console = Console()
    name, method = method_named(settings.method)
    tuning = settings.tuning(method)
    architecture = architecture_of(settings.target)
    target = load_target(settings.target, settings.weights, size=settings.size)
    if target.weights.startswith("random"):
        raise UsageError(
            f"{settings.target} has random weights: a defence starts from a trained target (--weights FILE)"
        )
    network, size = target.model, target.preprocess.size
    surveyed = survey(target)
    cut = surveyed.name(surveyed.index(settings.cut))
    removals = method.removals(surveyed, cut, settings.seed)
    plan = PruningPlan(name if method.changes_target else "", cut, removals)
    make_trainable(network)
    weights = list(network.parameters())
    task = own_task(target, tuning, settings, console)
    figures = _named(task.figures(task.network(task.module)), "undefended")
    plan.apply(network, torch.zeros(1, 3, size, size))

    settings.out.mkdir(parents=True, exist_ok=True)
    split = Split.of(task, network, weights, cut, settings.seed)
    lesson = method.lesson(split)
    if task.recipe.epochs:
        learn(Defending(lesson, split, cut, tuning.steps), settings.out)
    defended = task.network(task.module).cpu().eval()
    applied = lesson.store(settings.out)
    mechanism = defence_named(applied)

    def measured() -> Mapping[str, float]:
        return task.figures(Deployed(defended, cut, size, _single(mechanism), settings.seed))

    figures |= _named(measured(), "fp32")
    save_quantised(defended.state_dict(), settings.out / WEIGHTS)
    defended.load_state_dict(load_weights(settings.out / WEIGHTS))
    figures |= measured()
    write_plan(plan, settings.out)
    embedding = count_outputs(defended, size) if task.outputs.embedding else None
    card = Card(
        name=settings.out.name,
        architecture=architecture,
        data=task.data,
        licence=settings.licence,
        recipe={"method": name, **dataclasses.asdict(method), **dataclasses.asdict(tuning), "defence": applied},
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
    at_run_time = "" if applied == NO_DEFENCE else f" --defence {applied}"
    console.print(f"use it with --target {DEFENDED}:{settings.out} --cut {cut}{at_run_time}", soft_wrap=True)
    return 0


def _named(figures: Mapping[str, float], state: str) -> dict[str, float]:
    return {f"{name}_{state}": value for name, value in figures.items()}


def _single(mechanism: Defence) -> Protect:
    """The mechanism for the one tensor that crosses."""
    return lambda features, generator: mechanism.protect((features,), generator)[0]
