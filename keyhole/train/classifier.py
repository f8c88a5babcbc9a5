"""Train a classifier that can be split: `keyhole train target`."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from keyhole.data.folder import PictureFolder, classes
from keyhole.targets.preprocess import Preprocess
from keyhole.train.augment import random_resized_crop


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        stages: (picture side in pixels, epochs), in order; small pictures first are cheap.
        batch: pictures per step.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: on weights of two or more dimensions.
        label_smoothing: share of the target spread over all classes.
        ema: decay of the averaged weights, which are the ones kept.
        seed: seeds weights, order and augmentation.
        precision: ``no`` (fp32) or ``bf16``; bf16 pays only on processors with native bf16 arithmetic.
    """

    stages: tuple[tuple[int, int], ...] = ((64, 8), (96, 3))
    batch: int = 128
    learning_rate: float = 0.4
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    ema: float = 0.998
    seed: int = 0
    precision: str = "no"

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(epochs for _, epochs in self.stages)

    def size_at(self, epoch: int) -> int:
        """Side of the pictures in an epoch (from 0)."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")


@dataclass(frozen=True)
class LabelledPictures:
    """A split held in memory: uint8 N×3×H×W, int64 labels, class names."""

    pictures: Tensor
    labels: Tensor
    names: tuple[str, ...]

    @classmethod
    def load(cls, root: Path, split: str) -> LabelledPictures:
        """Read ``root/split/<class>/*`` (a folder or a zip); all pictures must have one size."""
        folder = PictureFolder(root, split)
        names = classes(folder.paths())
        index = {name: position for position, name in enumerate(names)}
        pictures, labels = [], []
        for path, picture in folder:
            pictures.append(picture)
            labels.append(index[path.parent.name])
        sizes = {tuple(picture.shape) for picture in pictures}
        if len(sizes) > 1:
            raise ValueError(f"{root}/{split}: pictures of {len(sizes)} sizes; resize them to one first")
        return cls(torch.stack(pictures), torch.tensor(labels), names)


def top_k(model: nn.Module, data: LabelledPictures, preprocess: Preprocess, k: int = 1) -> float:
    """Share of pictures whose label is among the model's first ``k`` answers, in percent."""
    model.eval()
    hits = 0
    with torch.inference_mode():
        for pictures, labels in zip(torch.split(data.pictures, 128), torch.split(data.labels, 128), strict=True):
            inputs = preprocess(pictures.float() / 255).contiguous(memory_format=torch.channels_last)
            hits += int((model(inputs).topk(min(k, len(data.names))).indices == labels[:, None]).sum())
    return 100 * hits / len(data.labels)


def train_classifier(
    model: nn.Module,
    train: LabelledPictures,
    validation: LabelledPictures,
    preprocess: Preprocess,
    recipe: Recipe,
    out: Path,
) -> nn.Module:
    """Train ``model`` by ``recipe`` and return its averaged weights; picks up ``out/checkpoint`` where a run stopped.

    Args:
        model: maps N×3×H×W to N×classes at any picture size.
        train: training pictures.
        validation: never trained on; printed after every epoch at the picture size of the stage.
        preprocess: normalisation of the target.
        recipe: the hyper-parameters.
        out: folder for checkpoints.
    """
    set_seed(recipe.seed)
    accelerator = Accelerator(mixed_precision=recipe.precision)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others}]
    optimiser = torch.optim.SGD(
        groups,
        lr=recipe.learning_rate,
        momentum=0.9,
        nesterov=True,
    )
    steps = math.ceil(len(train.labels) / recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    model = model.to(memory_format=torch.channels_last)
    average = AveragedModel(
        model,
        multi_avg_fn=get_ema_multi_avg_fn(recipe.ema),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    model, optimiser, schedule = accelerator.prepare(model, optimiser, schedule)
    accelerator.register_for_checkpointing(average)
    checkpoint = out / "checkpoint"
    done = _resume(accelerator, checkpoint)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("training", total=recipe.epochs * steps, completed=done * steps)
        for epoch in range(done, recipe.epochs):
            started = time.perf_counter()
            size = recipe.size_at(epoch)
            generator = torch.Generator().manual_seed(recipe.seed * 10_000 + epoch)
            order = torch.randperm(len(train.labels), generator=generator)
            model.train()
            total = 0.0
            for chosen in torch.split(order, recipe.batch):
                pictures = random_resized_crop(train.pictures[chosen].float() / 255, size, generator)
                inputs = preprocess.normalise(pictures).contiguous(memory_format=torch.channels_last)
                with accelerator.autocast():
                    loss = F.cross_entropy(
                        model(inputs.to(accelerator.device)),
                        train.labels[chosen].to(accelerator.device),
                        label_smoothing=recipe.label_smoothing,
                    )
                optimiser.zero_grad()
                accelerator.backward(loss)
                optimiser.step()
                schedule.step()
                average.update_parameters(accelerator.unwrap_model(model))
                total += float(loss.detach()) * len(chosen)
                progress.advance(bar)
            accuracy = top_k(average, validation, Preprocess(size, preprocess.mean, preprocess.std))
            progress.console.print(
                f"epoch {epoch + 1}/{recipe.epochs}  {size} px  loss {total / len(train.labels):.3f}  "
                f"top-1 {accuracy:.1f} % at {size} px  {time.perf_counter() - started:.0f} s",
                soft_wrap=True,
            )
            accelerator.save_state(str(checkpoint))
            (checkpoint / "epochs").write_text(str(epoch + 1))
    return average.module


def _resume(accelerator: Accelerator, checkpoint: Path) -> int:
    marker = checkpoint / "epochs"
    if not marker.exists():
        return 0
    accelerator.load_state(str(checkpoint))
    return int(marker.read_text())
