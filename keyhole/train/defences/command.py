"""``keyhole train defence``: trains a defended target and writes plan, weights, card and, for some methods, a
mechanism."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

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
from keyhole.train.defences.base import DefenceStep, DefenceTraining
from keyhole.train.defences.registry import method_named
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.loop import Round, TrainingPlan, run_plan
from keyhole.train.optimisation import Optimisation
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


class DefenceEpochs(TrainingPlan):
    """The plan of a defence; a round is an epoch.

    No average of the weights is taken, because the adversary must be trained against the weights that are kept.

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
        recipe = split.task.recipe
        self.every = min(split.task.steps, steps or split.task.steps)
        self.steps = batches or recipe.epochs * self.every
        self.module, self.companions = training.module, training.companions
        self.optimisation = dataclasses.replace(Optimisation.of(recipe), ema=None)
        self._training, self._split, self._cut = training, split, cut

    def batches(self, first: int, last: int) -> Iterator[DefenceStep]:
        task, epoch = self._split.task, first // self.every
        generator = torch.Generator().manual_seed(task.recipe.seed * 10_000 + epoch)
        batches = islice(task.batches(self._split.size, generator), last - first)
        for number, batch in enumerate(batches, first):
            yield DefenceStep(number / self.steps, batch.inputs, batch.labels)

    def losses(self, module: nn.Module, batch: DefenceStep) -> Mapping[str, Tensor]:  # noqa: ARG002
        number = round(batch.progress * self.steps)
        generator = torch.Generator().manual_seed(self._split.seed * 1_000_003 + number)
        return self._training.losses(batch, generator)

    def report(self, module: nn.Module, done: Round) -> str:  # noqa: ARG002
        task, size = self._split.task, self._split.size
        network = task.network(task.module)
        quality = task.assess(Deployed(network, self._cut, size, self._training.protect, self._split.seed), size)
        means = "  ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
        epoch, epochs = (-(-steps // self.every) for steps in (done.steps, self.steps))
        return f"epoch {epoch}/{epochs}  {means}  {quality}  {done.seconds:.0f} s"

    @property
    def spent(self) -> Mapping[str, int]:
        """What the whole training takes."""
        return {
            "batches": self.steps,
            "pictures": self.steps * self._split.task.recipe.batch,
            "model_steps": self.steps,
            "companion_steps": self.steps * self._training.companion_steps,
        }


def defence(settings: DefenceSettings) -> int:
    """Train, store weights and mechanism, measure both as stored, write plan and card; return the exit code.

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
    teacher = load_target(settings.teacher, size=target.preprocess.size) if settings.teacher else target
    make_trainable(network)
    with alone(settings.out, TRAINING):
        task = own_task(target, tuning, settings, console, teacher)
        figures = named(task.figures(task.network(task.module)), "undefended")
        prune(network, plan, torch.zeros(1, 3, size, size))

        split = Split.of(task, network, cut, settings.seed)
        training = method.training(split)
        epochs = DefenceEpochs(training, split, cut, tuning.steps, tuning.batches)
        if epochs.steps:
            run_plan(epochs, settings.out)
        console.print(spent_text(epochs.spent), soft_wrap=True)
        defended = task.network(task.module).cpu().eval()
        applied = training.store(settings.out)
        mechanism = defence_named(applied)

        def measured() -> Mapping[str, float]:
            return task.figures(Deployed(defended, cut, size, _single(mechanism), settings.seed))

        figures |= store_weights(defended, settings.out, measured)
        write_plan(_after(plan_of(settings.target), plan), settings.out)
        settled = {**dataclasses.asdict(method), **dataclasses.asdict(tuning)}
        recipe = {"method": name, **settled, "defence": applied, "spent": dict(epochs.spent)}
        write_tuned_card(settings, target, defended, task, recipe, figures, console)
        at_run_time = "" if applied == NO_DEFENCE else f" --defence {applied}"
        console.print(f"use it with --target {DEFENDED}:{settings.out} --cut {cut}{at_run_time}", soft_wrap=True)
        return 0


def _after(earlier: PruningPlan | None, plan: PruningPlan) -> PruningPlan:
    """What was removed altogether, from the architecture on."""
    if earlier is None:
        return plan
    names = [name for name in (earlier.defence, plan.defence) if name]
    return dataclasses.replace(plan, defence="+".join(names), removed=(*earlier.removed, *plan.removed))


def _single(mechanism: Defence) -> Protect:
    """The mechanism as a function of the one tensor that crosses."""
    return lambda features, generator: mechanism.protect((features,), generator)[0]
