"""The loop that every training of a target shares."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.optim.swa_utils import AveragedModel

from keyhole.train.averaging import warming_average
from keyhole.train.optimisers import optimiser as make_optimiser
from keyhole.train.progress import progress_bar
from keyhole.train.task import Task


def fit(task: Task, out: Path) -> nn.Module:
    """Train and return the target with its averaged weights; picks up ``out/checkpoint`` where a run stopped.

    After every epoch the checkpoint is written and a line is printed: loss, and the task's own measure.

    Args:
        task: what is learned.
        out: folder for checkpoints.
    """
    recipe = task.recipe
    set_seed(recipe.seed)
    accelerator = Accelerator(mixed_precision=recipe.precision)
    module = task.module.to(accelerator.device).to(memory_format=torch.channels_last)
    optimiser = make_optimiser(module, recipe)
    total = recipe.epochs * task.steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=total, pct_start=recipe.warm_up
    )
    average = AveragedModel(module, multi_avg_fn=warming_average(recipe.ema), use_buffers=True)
    module, optimiser, schedule = accelerator.prepare(module, optimiser, schedule)
    accelerator.register_for_checkpointing(average)
    checkpoint = out / "checkpoint"
    done = _resume(accelerator, checkpoint)

    with progress_bar() as progress:
        bar = progress.add_task("training", total=total, completed=done * task.steps)
        for epoch in range(done, recipe.epochs):
            started = time.perf_counter()
            size = recipe.size_at(epoch)
            generator = torch.Generator().manual_seed(recipe.seed * 10_000 + epoch)
            module.train()
            losses, seen = 0.0, 0
            for batch in task.batches(size, generator):
                inputs = batch.inputs.contiguous(memory_format=torch.channels_last)
                with accelerator.autocast():
                    loss = task.loss(module(inputs.to(accelerator.device)), batch.labels.to(accelerator.device))
                optimiser.zero_grad()
                accelerator.backward(loss)
                optimiser.step()
                schedule.step()
                average.update_parameters(accelerator.unwrap_model(module))
                losses += float(loss.detach()) * len(inputs)
                seen += len(inputs)
                progress.advance(bar)
            quality = task.assess(task.network(average.module), size)
            progress.console.print(
                f"epoch {epoch + 1}/{recipe.epochs}  {size} px  loss {losses / seen:.3f}  "
                f"{quality} at {size} px  {time.perf_counter() - started:.0f} s",
                soft_wrap=True,
            )
            accelerator.save_state(str(checkpoint))
            (checkpoint / "epochs").write_text(str(epoch + 1))
    return task.network(average.module)


def _resume(accelerator: Accelerator, checkpoint: Path) -> int:
    marker = checkpoint / "epochs"
    if not marker.exists():
        return 0
    accelerator.load_state(str(checkpoint))
    return int(marker.read_text())
