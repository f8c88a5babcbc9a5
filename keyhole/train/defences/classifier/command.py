"""The training of a classifier that protects whom it is trained on: from a public start to a target with its card."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from accelerate import PartialState
from rich.console import Console
from torch import nn

from keyhole.data.labelled import readable
from keyhole.nn.device import MemoryLayout
from keyhole.partition.pruning.plan import PruningPlan, write_plan
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.sizes import side_of
from keyhole.targets import Target
from keyhole.targets.catalogue import DEFENDED, Catalogue, architecture_of, folder_of, plan_of
from keyhole.targets.membership import TrainedOn
from keyhole.targets.neck import answers_with_embedding, with_classes
from keyhole.targets.stored_weights import Card, this_command
from keyhole.terminal import terminal
from keyhole.train.budget import spent_text
from keyhole.train.defences.classifier.base import ClassifierMethod, ClassifierTraining, Lesson
from keyhole.train.defences.classifier.freezing import trainee
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.defences.steps import DefenceSteps, defence_facts
from keyhole.train.loop import run_plan
from keyhole.train.recipe import Tuning, adjusted
from keyhole.train.snapshots import Snapshots
from keyhole.train.task import Task
from keyhole.train.tasks.class_data import ClassData, open_classes
from keyhole.train.tasks.classification import Classification
from keyhole.train.tuning import make_trainable, trained_target
from keyhole.train.weights import card_of, store_weights, write_target_card


class ClassifierSteps(DefenceSteps):
    """The plan of a classifier's training by a method. See `DefenceSteps`.

    Args:
        training: the classifier.
        steps: batches of an epoch at most; None: all of the data.
        batches: of the whole training; None: as the recipe's epochs make.
    """

    def __init__(self, training: ClassifierTraining, steps: int | None, batches: int | None = None) -> None:
        lesson = training.lesson
        super().__init__(training, lesson.task, lesson.size, lesson.seed, steps, batches)
        self._classifier = training

    def deployed(self) -> nn.Module:
        return self._classifier.network()


def lesson_of(task: Task, network: nn.Module, method: ClassifierMethod, seed: int) -> Lesson:
    """What a method trains, on the device that it is trained on, frozen as far as the method says.

    Raises:
        UsageError: nothing is left to learn.
        CutError: no such module to freeze up to.
    """
    device, size = PartialState().device, side_of(task.preprocess.size, "training")
    network.to(device)
    MemoryLayout.of(network).module(network)
    make_trainable(network)
    learner = trainee(network, method.frozen, torch.zeros(1, 3, size, size, device=device))
    if not any(parameter.requires_grad for parameter in learner.parameters()):
        raise UsageError(f"frozen={method.frozen}: nothing is left to learn from the private pictures")
    return Lesson(task, learner, size, seed)


def defend_classifier(settings: DefenceSettings, name: str, method: ClassifierMethod) -> int:
    """Train, store weights, measure them as stored, write plan and card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: a start that has seen the private people, or data or settings that cannot be trained with.
    """
    console, tuning = terminal(), settings.tuning(method)
    if settings.teacher:
        raise UsageError(f"--teacher: {name} trains a classifier of classes, which has none")
    target = trained_target(settings, "a defence")
    start = target.hash
    data = open_classes(settings.training(side_of(target.preprocess.size, "training")))
    if method.frozen:
        _check_public(settings, target, data)
    afresh = _renewed(target, data, settings)
    with alone(settings.out, TRAINING):
        task = _task(target, data, tuning, settings, console, afresh)
        training = method.training(lesson_of(task, target.model, method, settings.seed))
        plan = ClassifierSteps(training, tuning.steps, tuning.batches)
        plan.facts = defence_facts(name, method, tuning, start, task)
        protected = PruningPlan(method.protection(name), method.frozen, ()).after(plan_of(settings.target))
        settled = {**dataclasses.asdict(method), **dataclasses.asdict(tuning)}
        recipe = {"method": name, **settled, "spent": dict(plan.spent), **_start(settings)}

        def write(network: nn.Module, folder: Path) -> None:
            figures = store_weights(network, folder, lambda: task.figures(network))
            write_plan(protected, folder)
            write_target_card(
                dataclasses.replace(settings, out=folder),
                task,
                task.outputs,
                figures,
                console,
                architecture=architecture_of(settings.target),
                recipe=recipe,
                command=this_command(),
            )

        along = Snapshots(settings.keep_every, plan.every, plan.steps, settings.out, write)
        run_plan(plan, settings.out, lambda _, done: along(training.network(), done))
        console.print(spent_text(plan.spent), soft_wrap=True)
        write(training.network().cpu().eval(), settings.out)
        console.print(f"use it with --target {DEFENDED}:{settings.out}", soft_wrap=True)
        return 0


def _check_public(settings: DefenceSettings, target: Target, data: ClassData) -> None:
    """Refuse a start whose frozen layers could know the private people.

    Raises:
        UsageError: it has the same classes, has seen some of them, or does not say whom it was trained on.
    """
    advice = "start from one that has seen public pictures alone, which `keyhole train target --task pretraining` makes"
    names = tuple(map(readable, data.names))
    if target.labels and target.labels == names:
        raise UsageError(f"{target.name} is a classifier of the same classes, and so are its first layers: {advice}")
    seen = TrainedOn.of_target(settings)
    common = seen.keys & data.trained_on.keys or set(target.labels) & set(names)
    if common:
        raise UsageError(f"{target.name} was trained on {len(common)} of {len(data.names)} classes already: {advice}")
    card = _card(settings)
    if card and card.task == "re-identification" and not seen.keys:
        raise UsageError(f"{target.name} does not say whom it was trained on: {advice}")


def _renewed(target: Target, data: ClassData, settings: DefenceSettings) -> str:
    """Give the target's network a last layer for the classes, unless it has one; a sentence that says so.

    Raises:
        TargetError: it has none to replace.
        UsageError: a model of one's own with another last layer, which could not be loaded again.
    """
    if target.labels == tuple(map(readable, data.names)):
        return ""
    architecture, classes = architecture_of(settings.target), len(data.names)
    own = Catalogue().find(architecture) is None
    if own and (classes != target.outputs or answers_with_embedding(target.model)):
        raise UsageError(f"{architecture}: expected a model that answers with logits of {classes} classes")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return f"{with_classes(target.model, classes)} starts afresh"


def _task(
    target: Target, data: ClassData, tuning: Tuning, settings: DefenceSettings, console: Console, afresh: str
) -> Task:
    train, validation = data.read(console)
    said = f"{len(train.labels)} pictures of {len(data.names)} classes, {len(validation.labels)} held back"
    console.print("; ".join(filter(None, (said, afresh))), soft_wrap=True)
    side = side_of(target.preprocess.size, "training")
    recipe = adjusted(tuning.task_recipe(data.recipe, side), settings.training(side))
    text = f"{settings.data}: {len(train.labels)} pictures of {len(data.names)} classes, {side} pixels"
    return Classification(target.model, train, validation, target.preprocess, recipe, text, data.trained_on)


def _start(settings: DefenceSettings) -> dict[str, object]:
    """The recipe of what the training started from, where that has a card."""
    card = _card(settings)
    return {"init": dict(card.recipe)} if card else {}


def _card(settings: DefenceSettings) -> Card | None:
    return None if settings.weights else card_of(folder_of(settings.target))
