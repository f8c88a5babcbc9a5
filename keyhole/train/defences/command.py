"""``keyhole train defence``: from a target to a defended one, with plan, card and, for some methods, a mechanism."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch

from keyhole.defences import Defence, defence_named
from keyhole.partition import survey
from keyhole.partition.pruning.plan import PruningPlan, write_plan
from keyhole.partition.pruning.surgery import prune
from keyhole.service.files import TRAINING, alone
from keyhole.sizes import side_of
from keyhole.targets.catalogue import DEFENDED
from keyhole.targets.target import NO_DEFENCE
from keyhole.terminal import terminal
from keyhole.train.defences.deployed import Deployed, Protect
from keyhole.train.defences.registry import method_named
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.defences.training import Defending
from keyhole.train.loop import learn
from keyhole.train.split import Split
from keyhole.train.tuning import make_trainable, own_task, trained_target, write_tuned_card
from keyhole.train.weights import named, store_weights


def defence(settings: DefenceSettings) -> int:
    """Train, store as int8, measure what is stored behind the mechanism that is stored, write plan and card; the exit
    code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: no such target, cut, method or setting, or data or settings that cannot be trained with.
    """
    console = terminal()
    name, method = method_named(settings.method)
    tuning = settings.tuning(method)
    target = trained_target(settings, "a defence")
    network, size = target.model, side_of(target.preprocess.size, "training")
    surveyed = survey(target)
    cut = surveyed.name(surveyed.index(settings.cut))
    removals = method.removals(surveyed, cut, settings.seed)
    plan = PruningPlan(name if method.changes_target else "", cut, removals)
    make_trainable(network)
    with alone(settings.out, TRAINING):
        task = own_task(target, tuning, settings, console, teacher=target)
        figures = named(task.figures(task.network(task.module)), "undefended")
        prune(network, plan, torch.zeros(1, 3, size, size))

        split = Split.of(task, network, cut, settings.seed)
        lesson = method.lesson(split)
        if task.recipe.epochs:
            learn(Defending(lesson, split, cut, tuning.steps), settings.out)
        defended = task.network(task.module).cpu().eval()
        applied = lesson.store(settings.out)
        mechanism = defence_named(applied)

        def measured() -> Mapping[str, float]:
            return task.figures(Deployed(defended, cut, size, _single(mechanism), settings.seed))

        figures |= store_weights(defended, settings.out, measured)
        write_plan(plan, settings.out)
        recipe = {"method": name, **dataclasses.asdict(method), **dataclasses.asdict(tuning), "defence": applied}
        write_tuned_card(settings, target, defended, task, recipe, figures, console)
        at_run_time = "" if applied == NO_DEFENCE else f" --defence {applied}"
        console.print(f"use it with --target {DEFENDED}:{settings.out} --cut {cut}{at_run_time}", soft_wrap=True)
        return 0


def _single(mechanism: Defence) -> Protect:
    """The mechanism for the one tensor that crosses."""
    return lambda features, generator: mechanism.protect((features,), generator)[0]
