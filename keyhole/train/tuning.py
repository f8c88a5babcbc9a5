"""Further training of a trained target on its own task: the target, the task and the card."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from rich.console import Console
from torch import nn

from keyhole.data.labelled import readable
from keyhole.evaluation.reidentification import read_parts
from keyhole.service.errors import UsageError
from keyhole.sizes import side_of
from keyhole.targets import Target, load_target
from keyhole.targets.answers import ANSWERS
from keyhole.targets.catalogue import architecture_of
from keyhole.targets.neck import answers_with_embedding, neck_path
from keyhole.targets.stored_weights import this_command
from keyhole.targets.target import count_outputs
from keyhole.train.recipe import Tuning, adjusted
from keyhole.train.settings import TuningSettings
from keyhole.train.task import Outputs, Task
from keyhole.train.tasks.class_data import open_classes
from keyhole.train.tasks.classification import Classification
from keyhole.train.tasks.reid_data import open_parts, trained_on
from keyhole.train.tasks.reidentification import Reidentification, ReidRecipe
from keyhole.train.tasks.teacher import embeddings_by, teach
from keyhole.train.weights import Figures, write_target_card


def trained_target(settings: TuningSettings, who: str) -> Target:
    """The target that the flags name, with weights to start from.

    Args:
        settings: flags.
        who: starts from it, for messages.

    Raises:
        UsageError: its weights are random, or it answers with neither classes nor an embedding.
        TargetError: no such target or weights.
    """
    target = load_target(settings.target, settings.weights, size=settings.size)
    if target.weights.startswith("random"):
        raise UsageError(f"{settings.target} has random weights: {who} starts from a trained target (--weights FILE)")
    if not target.outputs:
        raise UsageError(
            f"{target.name} answers with neither classes nor an embedding: {who} does not train it further"
        )
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
        target: that the training started from.
        network: its result, as it is stored.
        task: of both.
        recipe: the hyper-parameters.
        figures: in percent, by name.
        console: to print on.
    """
    embedding = count_outputs(network, target.preprocess.size) if task.outputs.embedding else None
    write_target_card(
        settings,
        task,
        Outputs(task.outputs.labels, embedding),
        figures,
        console,
        architecture=architecture_of(settings.target),
        recipe=recipe,
        command=this_command(),
    )


def make_trainable(network: nn.Module) -> None:
    """Make all of a network trainable but the bias of a BNNeck, which stays 0 (see `keyhole.targets.neck`)."""
    network.requires_grad_(True)
    if answers_with_embedding(network):
        network.get_submodule(neck_path(network)).get_parameter("bias").requires_grad_(False)


def own_task(target: Target, recipe: Tuning, settings: TuningSettings, console: Console, teacher: Target) -> Task:
    """The task that the target was trained for, on the data that the flags name; it may take the model apart.

    Args:
        target: to be trained further.
        recipe: the hyper-parameters.
        settings: flags.
        console: shows the progress.
        teacher: the target as it was. Where the recipe has a teaching, the classifier of identities starts from its
            embeddings, and the training also learns to give them.

    Raises:
        FileNotFoundError: no data there.
        ValueError: the data's classes are not the target's, the data does not suffice, or the target answers otherwise.
    """
    if answers_with_embedding(target.model):
        return _reidentification(target, recipe, settings, console, teacher)
    if target.embeds_texts:
        raise UsageError(
            f"{settings.target} answers with {ANSWERS['texts']}, which no further training takes: expected a target of "
            "classification or re-identification"
        )
    return _classification(target, recipe, settings, console)


def _classification(target: Target, recipe: Tuning, settings: TuningSettings, console: Console) -> Task:
    size = side_of(target.preprocess.size, "training")
    flags = settings.training(size)
    data = open_classes(flags)
    if len(data.names) != target.outputs:
        raise UsageError(
            f"{settings.data} has {len(data.names)} classes; the target has {target.outputs}: name the data that it was"
            " trained on, with the same --part, --identities and --seed"
        )
    if target.labels and tuple(map(readable, data.names)) != target.labels:
        raise UsageError(f"{settings.data} has other classes than the target, or the same in another order")
    train, validation = data.read(console)
    console.print(f"{len(train.labels)} pictures of {len(train.names)} classes")
    own = adjusted(recipe.task_recipe(data.recipe, size), flags)
    text = f"{settings.data}: {len(train.labels)} pictures, {size} pixels"
    return Classification(target.model, train, validation, target.preprocess, own, text, data.trained_on)


def _reidentification(
    target: Target, recipe: Tuning, settings: TuningSettings, console: Console, teacher: Target
) -> Task:
    size = side_of(target.preprocess.size, "training")
    parts = open_parts(settings.training(size))
    folder = settings.pictures or settings.out
    folder.mkdir(parents=True, exist_ok=True)
    train, trials = read_parts(parts, size, workers=settings.workers, folder=folder, console=console)
    console.print(f"{len(train.pictures)} pictures of {train.count} identities; {trials.text}", soft_wrap=True)
    base = recipe.task_recipe(ReidRecipe(per_identity=settings.per_identity), size)
    own = adjusted(base, settings.training(size))
    data = f"{settings.data}: {len(train.pictures)} pictures of {train.count} identities, {size} pixels"
    seen = trained_on(settings.data, parts)
    if not recipe.teaching or not own.epochs:
        return Reidentification(target.model, train, trials, target.preprocess, own, data, trained_on=seen)
    pictures = train.pictures
    teaching = teach(teacher, pictures, recipe.teaching, folder, console)
    taught = teaching.embeddings
    same = _same(target.model, teacher.model)
    embeddings = taught if same else embeddings_by(target.model, target.preprocess, pictures, console)
    task = Reidentification(target.model, train, trials, target.preprocess, own, data, teaching, seen)
    task.module.imprint(embeddings, taught, train.identities)
    return task


def _same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same weights."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
