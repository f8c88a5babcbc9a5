"""What an attack on a classifier's classes shows of those whom it was trained on, and what a judge says to it.

The attack holds the whole classifier. What a design does to features at run time (noise, a codec) is no part of the
weights, and whoever holds them leaves it out; so one figure is of every design of a target. An attack that only asks
for labels gets those of the same classifier, which are no worse than those behind such a defence.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from rich.progress import Progress

from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.bench.axes import TrainingSetCell
from keyhole.bench.measure.accuracy import CACHE
from keyhole.bench.measure.leak import ROWS, sheet_of
from keyhole.bench.records import REAL, Measured, TrainingSetRecord
from keyhole.bench.sweep import Sweep
from keyhole.evaluation.classes.making import make_all
from keyhole.evaluation.classes.scores import ClassScore, score_classes, score_real
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.evaluation.classes.world import ClassWorld
from keyhole.extensions import label
from keyhole.metrics.registry import metrics_named
from keyhole.presentation.contact_sheet import Column
from keyhole.terminal import terminal

INVERSIONS = "inversions"


def training_set(cell: TrainingSetCell, sweep: Sweep) -> Measured:
    """Picture the target's classes by the attack, and score what comes out.

    Finished pictures are kept in the run's folder: an attack that was killed goes on with the others.

    Raises:
        UsageError: no such target, attack, pictures, prior, generator, judge or evaluator, or they do not fit.
    """
    settings = sweep.invert(cell.target)
    world = _world(settings, sweep.folder.resolve() / CACHE)
    each = settings.per_class or 1
    metrics = tuple(metric for metric in metrics_named(sweep.metrics) if metric.scope == "picture")
    if cell.attack == REAL:
        score = score_real(world.private, world.labels, world.asked, metrics)
        return Measured(_record(cell, world, score))
    chosen, wanted = choose_class_attack(cell.attack), Wanted.each(world.labels, each)
    kept = sweep.folder / INVERSIONS / f"{label(cell.target)}-{world.target.hash}"
    with Progress(disable=True) as progress:
        made = make_all(chosen, replace(settings, out=kept), world, wanted, progress)
    score = score_classes(made.pictures, wanted, world.private, world.asked, metrics)
    shown = world.labels[:ROWS]
    name, png = sheet_of(
        cell.name,
        [
            Column.of("private", [world.private.of_class(one)[0] for one in shown]),
            Column.of(chosen.word, made.pictures[::each][:ROWS]),
        ],
    )
    record = replace(
        _record(cell, world, score),
        knowledge=chosen.recipe.knowledge,
        floor=chosen.entry.floor,
        seconds=made.spent.each("seconds") or 0.0,
        sheet=name,
    )
    return Measured(record, {name: png})


def _record(cell: TrainingSetCell, world: ClassWorld, score: ClassScore) -> TrainingSetRecord:
    classes = {
        world.target.labels[one]: {name: value for name, value in figures.items() if math.isfinite(value)}
        for one, figures in score.classes.items()
    }
    return TrainingSetRecord(
        design=cell.design,
        attack=cell.attack,
        knowledge="",
        floor=False,
        classes=classes,
        pictures=len(score.wanted),
        judged_among=len(world.private.classes),
        judge=world.private.judge.name,
        evaluator=world.evaluator,
    )


@lru_cache(maxsize=1)
def _world(settings: InvertSettings, cache: Path) -> ClassWorld:
    """The target with its private and public pictures, opened once for all attacks on it."""
    return ClassWorld.opened(settings, cache, terminal(quiet=True))
