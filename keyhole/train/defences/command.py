"""``keyhole train defence``: trains a defended target and writes plan, weights, card and, for some methods, a
mechanism."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.defences import Defence, defence_named
from keyhole.partition import as_features, as_tuple, split, survey
from keyhole.partition.pruning.plan import PruningPlan, write_plan
from keyhole.partition.pruning.surgery import prune
from keyhole.service.files import TRAINING, alone
from keyhole.sizes import side_of
from keyhole.targets import load_target
from keyhole.targets.catalogue import DEFENDED, plan_of
from keyhole.targets.target import NO_DEFENCE
from keyhole.terminal import terminal
from keyhole.train.budget import spent_text
from keyhole.train.defences.base import AnyMethod, DefenceMethod, DefenceTraining
from keyhole.train.defences.classifier.base import ClassifierMethod
from keyhole.train.defences.classifier.command import defend_classifier
from keyhole.train.defences.registry import method_named
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.defences.steps import DefenceSteps, defence_facts
from keyhole.train.loop import run_plan
from keyhole.train.split import Split
from keyhole.train.tuning import make_trainable, own_task, trained_target, write_tuned_card
from keyhole.train.weights import named, store_weights

Protect = Callable[[Tensor, torch.Generator], Tensor]
"""A mechanism: features N×… of a live tensor and a source of randomness, to the features that leave the edge."""


class Deployed(nn.Module):
    """A target whose features go through a mechanism on their way to the tail, as one network in eval mode.

    Args:
        network: the target.
        cut: where its head ends.
        size: side of its pictures in pixels.
        protect: the mechanism.
        seed: of the mechanism's random numbers, which start anew each time that a mode is set.
    """

    def __init__(self, network: nn.Module, cut: str, size: int, protect: Protect, seed: int) -> None:
        super().__init__()
        self.network = network
        first = next(network.parameters())
        example = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(first.device)
        self._parts = (split(network, cut, example),)
        self._protect, self._seed = protect, seed
        self.eval()

    def train(self, mode: bool = True) -> Deployed:
        """As `nn.Module.train`; also restarts the mechanism's random numbers."""
        self._generator = torch.Generator().manual_seed(self._seed)
        super().train(mode)
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised pictures N×3×size×size to the cloud's answers."""
        (parts,) = self._parts
        features = [self._protect(tensor, self._generator) for tensor in as_tuple(parts.head(inputs))]
        answers: Tensor = parts.tail(as_features(features))
        return answers


class DefenceEpochs(DefenceSteps):
    """The plan of a defence of what crosses a cut. See `DefenceSteps`.

    Args:
        training: the defence.
        split: the target.
        cut: where its head ends, by its own path.
        steps: batches of an epoch at most; None: all of the data.
        batches: of the whole training; None: as the recipe's epochs make.
    """

    def __init__(
        self, training: DefenceTraining, split: Split, cut: str, steps: int | None, batches: int | None = None
    ) -> None:
        super().__init__(training, split.task, split.size, split.seed, steps, batches)
        self._protect, self._split, self._cut = training.protect, split, cut

    def deployed(self) -> nn.Module:
        network = self._split.task.network(self._split.task.module)
        return Deployed(network, self._cut, self._split.size, self._protect, self._split.seed)


def defence(settings: DefenceSettings) -> int:
    """Train, store weights and mechanism, measure both as stored, write plan and card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        ValueError: no such target, cut, method or setting, or data or settings that cannot be trained with.
    """
    name, method = method_named(settings.method)
    return next(run(settings, name, method) for kind, run in _KINDS.items() if isinstance(method, kind))


def _of_features(settings: DefenceSettings, name: str, method: DefenceMethod) -> int:
    console = terminal()
    tuning = settings.tuning(method)
    target = trained_target(settings, "a defence")
    start, network, size = target.hash, target.model, side_of(target.preprocess.size, "training")
    surveyed = survey(target)
    cut = surveyed.name(surveyed.index(settings.cut))
    removals = method.removals(surveyed, cut, settings.seed)
    plan = PruningPlan(name if method.changes_target else "", cut, removals)
    teacher = load_target(settings.teacher, size=target.preprocess.size) if settings.teacher else target
    make_trainable(network)
    with alone(settings.out, TRAINING):
        task = own_task(target, tuning, settings, console, teacher)
        figures = named(task.figures(task.network(task.module)), "undefended")
        prune(network, plan, torch.zeros(1, 3, size, size))

        split = Split.of(task, network, cut, settings.seed)
        training = method.training(split)
        epochs = DefenceEpochs(training, split, cut, tuning.steps, tuning.batches)
        epochs.facts = {**defence_facts(name, method, tuning, start, task), "cut": cut}
        if epochs.steps:
            run_plan(epochs, settings.out)
        console.print(spent_text(epochs.spent), soft_wrap=True)
        defended = task.network(task.module).cpu().eval()
        applied = training.store(settings.out)
        mechanism = defence_named(applied)

        def measured() -> Mapping[str, float]:
            return task.figures(Deployed(defended, cut, size, _single(mechanism), settings.seed))

        figures |= store_weights(defended, settings.out, measured)
        write_plan(plan.after(plan_of(settings.target)), settings.out)
        settled = {**dataclasses.asdict(method), **dataclasses.asdict(tuning)}
        recipe = {"method": name, **settled, "defence": applied, "spent": dict(epochs.spent)}
        write_tuned_card(settings, target, defended, task, recipe, figures, console)
        at_run_time = "" if applied == NO_DEFENCE else f" --defence {applied}"
        console.print(f"use it with --target {DEFENDED}:{settings.out} --cut {cut}{at_run_time}", soft_wrap=True)
        return 0


def _single(mechanism: Defence) -> Protect:
    """The mechanism as a function of the one tensor that crosses."""
    return lambda features, generator: mechanism.protect((features,), generator)[0]


_KINDS: Mapping[type[AnyMethod], Callable[[DefenceSettings, str, Any], int]] = {
    DefenceMethod: _of_features,
    ClassifierMethod: defend_classifier,
}
"""Who trains by a kind of method."""
