"""``keyhole train patrol``: from a target to a pruned one, with plan, card and the memory that it needs."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Sequence

import torch
from rich.console import Console
from torch import nn

from keyhole.partition import Survey, cut_at, survey
from keyhole.partition.memory import Fit, footprint_at, footprints
from keyhole.partition.pruning.finding import structures_before
from keyhole.partition.pruning.plan import write_plan
from keyhole.service.errors import UsageError
from keyhole.targets import Card, load_target, write_card
from keyhole.targets.card import WEIGHTS
from keyhole.targets.own import count_outputs
from keyhole.targets.pruned import architecture_of
from keyhole.targets.quantise import load_weights, save_quantised
from keyhole.train.own_task import make_trainable, own_task
from keyhole.train.patrol.blocks import block_ends
from keyhole.train.patrol.goal import Goal
from keyhole.train.patrol.loop import Patrol
from keyhole.train.patrol.masks import Masks
from keyhole.train.patrol.recipe import PatrolRecipe
from keyhole.train.patrol.report import report
from keyhole.train.patrol.settings import PatrolSettings


def patrol(settings: PatrolSettings) -> int:
    """Train, prune, store as int8, measure what is stored, write plan and card; the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: no such target or cut, nothing to prune, or data or settings that cannot be trained with.
    """
    console = Console()
    architecture = architecture_of(settings.target)
    target = load_target(settings.target, settings.weights, size=settings.size)
    if target.weights.startswith("random"):
        raise UsageError(f"{settings.target} has random weights: PATROL starts from a trained target (--weights FILE)")
    recipe, size = settings.hyper_parameters(), target.preprocess.size
    network, example = target.model, torch.zeros(1, 3, size, size)
    surveyed = survey(network, example)
    ends = block_ends(surveyed, settings.cut)
    before = footprints(network, example)
    goal = _goal(settings.room, recipe, before, cut_at(surveyed, ends[-1]).head, ends[-1])
    masks = _masks(settings, recipe, surveyed)
    make_trainable(network)
    task = own_task(target, recipe, settings, console)
    unpruned = task.figures(task.network(task.module))
    if masks is not None:
        masks.make_up_for()
    settings.out.mkdir(parents=True, exist_ok=True)
    pruned, plan = Patrol(task, network, ends, recipe, masks, goal, settings.out).run()

    figures = {f"{name}_unpruned": value for name, value in unpruned.items()}
    figures |= {f"{name}_fp32": value for name, value in task.figures(pruned).items()}
    save_quantised(pruned.state_dict(), settings.out / WEIGHTS)
    pruned.load_state_dict(load_weights(settings.out / WEIGHTS))
    figures |= task.figures(pruned)
    write_plan(plan, settings.out)
    embedding = count_outputs(pruned, size) if task.outputs.embedding else None
    card = Card(
        name=settings.out.name,
        architecture=architecture,
        data=task.data,
        licence=settings.licence,
        recipe={"algorithm": "PATROL", **dataclasses.asdict(recipe), **dataclasses.asdict(task.recipe)},
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
    report(before, footprints(pruned, example), plan.cut, goal, settings.out, console)
    return 0


def _goal(room: str | None, recipe: PatrolRecipe, before: Sequence[Fit], head: nn.Module, cut: str) -> Goal | None:
    """What is enough; None where the mask is trained to the end, or there is none."""
    if "pruning" not in recipe.terms or (room is None and recipe.ratio == 1):
        return None
    goal = Goal.of(head, before, cut, recipe.ratio, room)
    if goal.total is not None and footprint_at(before, cut).total <= goal.total:
        raise UsageError(f"--room {room} holds the head up to {cut} as it is: choose a deeper --cut")
    return goal


def _masks(settings: PatrolSettings, recipe: PatrolRecipe, surveyed: Survey) -> Masks | None:
    if "pruning" not in recipe.terms:
        return None
    structures = structures_before(surveyed, settings.cut, settings.structures)
    return Masks(structures, surveyed.model, recipe.start, torch.Generator().manual_seed(settings.seed))
