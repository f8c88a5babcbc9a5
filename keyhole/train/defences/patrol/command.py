"""``keyhole train patrol``: trains a pruned target and writes plan, weights, card and the memory of its heads."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import asdict, replace

import torch
from torch import nn

from keyhole.partition import Survey, cut_at, survey
from keyhole.partition.memory import SizedHead, footprint_at, footprints
from keyhole.partition.pruning.plan import Tail, write_plan
from keyhole.partition.pruning.surgery import structures_before
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.sizes import side_of
from keyhole.targets.catalogue import SHIPPED, ShippedFamily, plan_of
from keyhole.targets.target import TargetError
from keyhole.terminal import terminal
from keyhole.train.budget import spent_text
from keyhole.train.defences.patrol.loop import Patrol
from keyhole.train.defences.patrol.masks import Masks
from keyhole.train.defences.patrol.memory import MemoryGoal, report_memory
from keyhole.train.defences.patrol.settings import PatrolRecipe, PatrolSettings
from keyhole.train.tuning import make_trainable, own_task, trained_target, write_tuned_card
from keyhole.train.weights import named, store_weights

REST = "rest"
"""Folder, inside the result's, for the checkpoints of the second training."""


def patrol(settings: PatrolSettings) -> int:
    """Train, prune, train again, store as int8, measure, write plan and card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: no such target or cut, nothing to prune, or data or settings that cannot be trained with.
    """
    console = terminal()
    target, kept = trained_target(settings, "PATROL"), _kept_tail(settings)
    earlier = plan_of(settings.target)
    if earlier and earlier.removed:
        raise TargetError(f"{settings.target} is pruned already: start from the target that it was made of")
    recipe, size = settings.hyper_parameters(), side_of(target.preprocess.size, "training")
    network, example = target.model, torch.zeros(1, 3, size, size)
    surveyed = survey(network, example)
    ends = block_ends(surveyed, settings.cut)
    before = footprints(network, example)
    room = None if settings.room is None else surveyed.name(surveyed.index(settings.room))
    head = cut_at(surveyed, ends[-1]).head
    goal = _goal(room, recipe, before, head, ends[-1])
    masks = _masks(settings, recipe, surveyed)
    epochs = settings.epochs(recipe)
    goes_on = epochs[1] > 0
    recipe, left = recipe.dealt(*epochs)
    first = replace(settings, stages=_as_they_are(recipe, size)) if goes_on and not settings.stages else settings
    as_it_was = replace(target, model=copy.deepcopy(network))
    part = frozenset(head.state_dict()) if kept else None
    _let_learn(network, part)
    with alone(settings.out, TRAINING):
        task = own_task(target, recipe, first, console, as_it_was)
        said = {"stages": task.recipe.stages, "rest": (), "learning_rate": task.recipe.learning_rate}
        unpruned = task.figures(task.network(task.module))
        if masks is not None:
            masks.make_up_for()
        training = Patrol(task, network, ends, recipe, masks, goal, settings.out)
        pruned, plan = training.run()
        spent = Counter(training.spent)

        if goes_on:
            _let_learn(pruned, part)
            again = replace(settings, stages=settings.rest, learning_rate=left.learning_rate)
            task = own_task(replace(target, model=pruned), left, again, console, as_it_was)
            said["rest"] = task.recipe.stages
            training = Patrol(task, pruned, ends, left, None, None, settings.out / REST)
            pruned, _ = training.run()
            spent.update(training.spent)

        console.print(spent_text(spent), soft_wrap=True)
        stored = store_weights(pruned, settings.out, lambda: task.figures(pruned), part)
        figures = named(unpruned, "unpruned") | stored
        write_plan(replace(plan, tail=kept).after(earlier), settings.out)
        whole = {"algorithm": recipe.algorithm, **asdict(recipe), "batches": settings.batches}
        hyper_parameters = {**whole, **asdict(task.recipe), **said, "spent": dict(spent)}
        write_tuned_card(settings, target, pruned, task, hyper_parameters, figures, console)
        report_memory(before, footprints(pruned, example), plan.cut, goal, settings.out, console)
        return 0


def _kept_tail(settings: PatrolSettings) -> Tail | None:
    """The target whose tail is kept; None where the tail learns.

    Raises:
        UsageError: the target's weights are not shipped, so whoever has the head alone could not find the tail.
    """
    if settings.tail != "kept":
        return None
    shipped = ShippedFamily(SHIPPED)
    if settings.weights or settings.target not in shipped.names():
        raise UsageError(f"--tail kept: the head alone is stored; --target must be one of {', '.join(shipped.names())}")
    return Tail(settings.target, shipped.card(settings.target).sha256)


def _let_learn(network: nn.Module, part: Set[str] | None) -> None:
    """Make a network trainable, or only its tensors of the names in ``part``."""
    make_trainable(network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and (part is None or name in part))


def _as_they_are(recipe: PatrolRecipe, size: int) -> tuple[str, ...]:
    """A recipe's stages as flags spell them; then the last need not have the target's own size."""
    return tuple(f"{side}:{epochs}" for side, epochs in recipe.sides(size))


def _goal(
    room: str | None, recipe: PatrolRecipe, before: Sequence[SizedHead], head: nn.Module, cut: str
) -> MemoryGoal | None:
    """The memory goal; None where the mask is trained to the end, or there is no mask."""
    if "pruning" not in recipe.terms or (room is None and recipe.ratio == 1):
        return None
    goal = MemoryGoal.of(head, before, cut, recipe.ratio, room)
    if goal.total is not None and footprint_at(before, cut).total <= goal.total:
        raise UsageError(f"--room {room} holds the head up to {cut} as it is: choose a deeper --cut")
    return goal


def _masks(settings: PatrolSettings, recipe: PatrolRecipe, surveyed: Survey) -> Masks | None:
    if "pruning" not in recipe.terms:
        return None
    structures = structures_before(surveyed, settings.cut, settings.structures)
    return Masks(structures, surveyed.model, recipe.start, torch.Generator().manual_seed(settings.seed))


def block_ends(surveyed: Survey, cut: str) -> tuple[str, ...]:
    """Ends of the blocks of the head that ends at ``cut``; the last is ``cut`` itself, by its own path.

    PATROL speaks of four residual blocks of ResNet-18 and gives four weights α: these are its stages ``layer1`` to
    ``layer4`` (elsewhere it counts eight convolution blocks, two to a stage). So blocks are the stages, what comes
    before the first belonging to it. Of a network with one stack of modules, such as a transformer, they are the
    stack's modules; of one without any, its modules that have modules.

    Raises:
        CutError: no such cut.
    """
    last = surveyed.index(cut)
    children = dict(surveyed.model.named_children())
    stages = [name for name, child in children.items() if isinstance(child, nn.Sequential) and _holds_modules(child)]
    if len(stages) == 1:
        stages = [f"{stages[0]}.{name}" for name, _ in children[stages[0]].named_children()]
    if not stages:
        stages = [name for name, child in children.items() if next(child.children(), None) is not None]
    ends = [surveyed.name(surveyed.ends[path]) for path in stages if surveyed.ends.get(path, last) < last]
    return (*ends, surveyed.name(last))


def _holds_modules(stack: nn.Sequential) -> bool:
    return any(next(child.children(), None) is not None for child in stack)
