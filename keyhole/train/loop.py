"""The loop that every training shares."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import recursively_apply, send_to_device, set_seed
from torch import nn
from torch.optim.swa_utils import AveragedModel

from keyhole.nn.device import MemoryLayout
from keyhole.service.memory import keep_all_freed
from keyhole.terminal import progress_bar
from keyhole.train.averaging import warming_average
from keyhole.train.checkpoint import Checkpoint, skipped
from keyhole.train.epochs import Epochs
from keyhole.train.optimisers import one_cycle
from keyhole.train.optimisers import optimiser as make_optimiser
from keyhole.train.task import Task
from keyhole.train.training import Round, Training


def fit(task: Task, out: Path) -> nn.Module:
    """Train and return the target with its averaged weights; picks up ``out/checkpoint`` where a run stopped.

    After every epoch, and once a minute, the checkpoint is written; after every epoch a line is printed: loss, and the
    task's own measure.

    Args:
        task: what is learned.
        out: folder for checkpoints.
    """
    return task.network(learn(Epochs(task), out))


def learn(training: Training, out: Path) -> nn.Module:
    """Train and return the module, with averaged weights where they are asked for; picks up ``out/checkpoint``.

    After every round, and once a minute, the checkpoint is written; after every round the training's report is printed,
    which moves no random numbers.

    Args:
        training: what is learned.
        out: folder for checkpoints.

    Raises:
        KeyboardInterrupt: the training was interrupted; says what is kept.
    """
    how = training.optimisation
    keep_all_freed()
    set_seed(how.seed)
    accelerator = Accelerator(mixed_precision=how.precision)
    layout = MemoryLayout.of(training.module)
    layout.module(training.module)
    module = training.module.to(accelerator.device)
    optimiser = make_optimiser(module, how)
    schedule = one_cycle(optimiser, how.learning_rate, how.warm_up, training.steps)
    average = _average(module, how.ema)
    module, optimiser, schedule = accelerator.prepare(module, optimiser, schedule)
    if average:
        accelerator.register_for_checkpointing(average)
    accelerator.register_for_checkpointing(*training.companions)
    kept: nn.Module = average.module if average else accelerator.unwrap_model(module)
    checkpoint = Checkpoint(accelerator, out / "checkpoint")

    with checkpoint.explained(training.steps), progress_bar() as progress:
        done = checkpoint.load()
        bar = progress.add_task("training", total=training.steps, completed=done)
        while done < training.steps:
            started, before, first = time.perf_counter(), done, done - done % training.every
            last = min(first + training.every, training.steps)
            sums: Counter[str] = Counter()
            module.train()
            for batch in skipped(training.batches(first, last), done - first):
                on_device = recursively_apply(layout.tensor, send_to_device(batch, accelerator.device))
                with accelerator.autocast():
                    losses = training.losses(module, on_device)
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
            checkpoint.save(done)
            means = {name: total / (done - before) for name, total in sums.items()}
            with torch.random.fork_rng(devices=[]):
                report = training.report(kept, Round(done, means, time.perf_counter() - started))
            progress.console.print(report, soft_wrap=True)
    return kept


def _average(module: nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    return AveragedModel(module, multi_avg_fn=warming_average(decay), use_buffers=True)
