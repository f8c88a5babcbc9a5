"""The training loop: a plan gives module, batches and losses; the loop steps, averages, reports and checkpoints."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import recursively_apply, send_to_device, set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from keyhole.nn.device import MemoryLayout
from keyhole.service.memory import keep_all_freed
from keyhole.terminal import progress_bar
from keyhole.train.checkpoint import TrainingCheckpoint, skipped
from keyhole.train.optimisation import Optimisation, make_optimiser, make_schedule, warming_average
from keyhole.train.task import Batch, Task


@dataclass(frozen=True)
class Round:
    """Progress and losses after a round.

    Attributes:
        steps: finished steps, earlier rounds included.
        losses: means over the steps of the round, by name; of a resumed round, over the steps since.
        seconds: duration of these steps.
    """

    steps: int
    losses: Mapping[str, float]
    seconds: float


class TrainingPlan(ABC):
    """A module, the batches that it learns from and the losses that it learns by.

    Attributes:
        module: the network to train.
        optimisation: settings of the optimiser.
        steps: of the optimiser, one for each batch.
        every: steps of a round, after which a line is printed; the last round may be shorter.
        companions: objects that the losses change besides the module, with ``state_dict`` and ``load_state_dict``;
            checkpoints hold them too.
        facts: settings and origins that tell the training from others, so that none goes on with another's checkpoint.
    """

    module: nn.Module
    optimisation: Optimisation
    steps: int
    every: int
    companions: Sequence[Any] = ()
    facts: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def batches(self, first: int, last: int) -> Iterator[Any]:
        """The batches of the steps from ``first`` to before ``last``, which are those of one round.

        They depend on nothing but the numbers of the steps, so that a resumed run sees the same ones. A batch is a
        tensor, something with a method ``to``, or a tuple, list or mapping of such; the loop moves it to the device.
        """

    @abstractmethod
    def losses(self, module: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Scalars by name; their sum is minimised.

        Args:
            module: `module`, as the loop has prepared it for the device.
            batch: on the module's device.
        """

    @abstractmethod
    def report(self, module: nn.Module, done: Round) -> str:
        """The line to print after a round.

        Args:
            module: `module` with its averaged weights, where an average is taken.
            done: the round.
        """


class TaskEpochs(TrainingPlan):
    """The plan of a target's task; a round is an epoch.

    Args:
        task: data, module and loss; its recipe sets the optimiser and the epochs.
        origin: of the data and of the weights that it starts from.
    """

    def __init__(self, task: Task, origin: Mapping[str, Any] = MappingProxyType({})) -> None:
        recipe = task.recipe
        self.facts = {**asdict(recipe), "task": task.kind, "data": task.data, **origin}
        self.module = task.module
        self.steps, self.every = recipe.epochs * task.steps, task.steps
        self.optimisation = Optimisation.of(recipe)
        self._task = task

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        recipe, epoch = self._task.recipe, first // self.every
        generator = torch.Generator().manual_seed(recipe.seed * 10_000 + epoch)
        yield from islice(self._task.batches(recipe.size_at(epoch), generator), last - first)

    def losses(self, module: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": self._task.loss(module(batch.inputs), batch.labels)}

    def report(self, module: nn.Module, done: Round) -> str:
        recipe, epoch = self._task.recipe, done.steps // self.every
        size = recipe.size_at(epoch - 1)
        quality = self._task.assess(self._task.network(module), size)
        return (
            f"epoch {epoch}/{recipe.epochs}  {size} px  loss {done.losses['loss']:.3f}  "
            f"{quality} at {size} px  {done.seconds:.0f} s"
        )


AfterRound = Callable[[nn.Module, Round], None]
"""Is handed the module, with its averaged weights where an average is taken, after each round; changes none of it."""


def train_task(
    task: Task, out: Path, after: AfterRound | None = None, origin: Mapping[str, Any] = MappingProxyType({})
) -> nn.Module:
    """Train a target for its task; return it with its averaged weights. A stopped run resumes from ``out/checkpoint``.

    Args:
        task: data, module and loss.
        out: folder for checkpoints.
        after: called after each epoch.
        origin: see `TaskEpochs`.

    Raises:
        UsageError: ``out/checkpoint`` is of another training.
    """
    return task.network(run_plan(TaskEpochs(task, origin), out, after))


def run_plan(plan: TrainingPlan, out: Path, after: AfterRound | None = None) -> nn.Module:
    """Train and return the plan's module, with averaged weights if the plan asks for them.

    A checkpoint is written after every round and once a minute; a stopped run resumes from it. After every round the
    plan's report is printed, which moves no random numbers, and ``after`` is called; a run that is stopped meanwhile
    does both again.

    Args:
        plan: module, batches and losses.
        out: folder for checkpoints.
        after: called after each round, when its report is printed.

    Raises:
        KeyboardInterrupt: the training was interrupted; says what is kept.
        UsageError: ``out/checkpoint`` is of another training.
    """
    how = plan.optimisation
    keep_all_freed()
    set_seed(how.seed)
    accelerator = Accelerator(mixed_precision=how.precision)
    layout = MemoryLayout.of(plan.module)
    layout.module(plan.module)
    module = plan.module.to(accelerator.device)
    optimiser = make_optimiser(module, how)
    schedule = make_schedule(optimiser, how, plan.steps)
    average = _average(module, how.ema)
    module, optimiser, schedule = accelerator.prepare(module, optimiser, schedule)
    if average:
        accelerator.register_for_checkpointing(average)
    accelerator.register_for_checkpointing(*plan.companions)
    kept: nn.Module = average.module if average else accelerator.unwrap_model(module)
    checkpoint = TrainingCheckpoint(accelerator, out / "checkpoint", plan.facts)

    with checkpoint.explained(plan.steps), progress_bar() as progress:
        done = checkpoint.load()
        bar = progress.add_task("training", total=plan.steps, completed=done)
        while done < plan.steps:
            started, before, first = time.perf_counter(), done, done - done % plan.every
            last = min(first + plan.every, plan.steps)
            sums: Counter[str] = Counter()
            module.train()
            # A round: a step of the optimiser for each batch that is left of it.
            for batch in skipped(plan.batches(first, last), done - first):
                on_device = recursively_apply(layout.tensor, send_to_device(batch, accelerator.device))
                with accelerator.autocast():
                    losses = plan.losses(module, on_device)
                optimiser.zero_grad()
                accelerator.backward(sum(losses.values()))
                if how.clip is not None:
                    accelerator.clip_grad_norm_(module.parameters(), how.clip)
                optimiser.step()
                schedule.step()
                if average:
                    average.update_parameters(accelerator.unwrap_model(module))
                sums.update({name: float(loss.detach()) for name, loss in losses.items()})
                progress.advance(bar)
                done += 1
                if done < last:
                    checkpoint.save_if_due(done)
            # Its end: means of the losses, report, checkpoint.
            means = {name: total / (done - before) for name, total in sums.items()}
            round_ = Round(done, means, time.perf_counter() - started)
            with torch.random.fork_rng(devices=[]):
                progress.console.print(plan.report(kept, round_), soft_wrap=True)
                if after:
                    after(kept, round_)
            checkpoint.save(done)
    return kept


def _average(module: nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    return AveragedModel(module, multi_avg_fn=warming_average(decay), use_buffers=True)
