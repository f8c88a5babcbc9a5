"""Classification: pictures in a folder for each class, cross-entropy, top-k accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.labelled import SELECTED, LabelledPictures
from keyhole.data.sets.folders import list_folder
from keyhole.service.errors import UsageError
from keyhole.sizes import scaled, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.target import Preprocess
from keyhole.train.augment import random_resized_crop
from keyhole.train.recipe import TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task
from keyhole.train.weights import start_from

_DATA = "Tiny-ImageNet, 100 classes"


def top_k(model: nn.Module, data: LabelledPictures, preprocess: Preprocess, k: int = 1) -> float:
    """Share of pictures whose label is among the model's first ``k`` answers, in percent."""
    model.eval()
    device = next(model.parameters()).device
    hits = 0
    with torch.inference_mode():
        for pictures, labels in zip(torch.split(data.pictures, 128), torch.split(data.labels, 128), strict=True):
            inputs = preprocess(pictures.float() / 255)
            answers = model(inputs.to(device)).cpu()
            hits += int((answers.topk(min(k, len(data.names))).indices == labels[:, None]).sum())
    return 100 * hits / len(data.labels)


class Classification(Task):
    """See `Task`. The module is the target itself.

    Args:
        model: maps N×3×H×W to N×classes at any picture size of the recipe.
        train: training pictures.
        validation: never trained on; divided into those to choose by and those to report of.
        preprocess: of the target.
        recipe: the hyper-parameters.
        data: one line on the training pictures, for the card.
    """

    def __init__(
        self,
        model: nn.Module,
        train: LabelledPictures,
        validation: LabelledPictures,
        preprocess: Preprocess,
        recipe: TrainingRecipe,
        data: str = "",
    ) -> None:
        self.module, self.recipe, self.preprocess, self.data = model, recipe, preprocess, data
        self.steps = math.ceil(len(train.labels) / recipe.batch)
        self.outputs = Outputs(labels=tuple(readable(name) for name in train.names))
        self._train, self._selection, self._report = train, validation.for_selection(), validation.for_report()
        chosen_by = {"selection_pictures": len(self._selection.labels)} if self._selection else {}
        self.tested_on = {"pictures": len(self._report.labels), **chosen_by}

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(self._train.labels), generator=generator)
        for chosen in torch.split(order, self.recipe.batch):
            pictures = random_resized_crop(
                self._train.pictures[chosen].float() / 255, scaled(self.preprocess.size, size), generator
            )
            yield Batch(self.preprocess.normalise(pictures), self._train.labels[chosen])

    def loss(self, answers: Any, labels: Tensor) -> Tensor:
        return F.cross_entropy(answers, labels, label_smoothing=self.recipe.label_smoothing)

    def network(self, module: nn.Module) -> nn.Module:
        return module

    def assess(self, network: nn.Module, size: int) -> str:
        if self._selection is None:
            return f"not assessed (no class has {SELECTED} validation pictures)"
        preprocess = Preprocess(scaled(self.preprocess.size, size), self.preprocess.mean, self.preprocess.std)
        return f"top-1 {top_k(network, self._selection, preprocess):.1f} %"

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        report = {f"top{k}": top_k(network, self._report, self.preprocess, k) for k in (1, 5)}
        if self._selection is None:
            return report
        return {**report, "top1_selection": top_k(network, self._selection, self.preprocess)}


def classification(settings: TrainSettings, console: Console) -> Task:
    """The task that the flags describe.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures of several sizes, classes that differ, an unknown architecture, or a flag of another task.
        TargetError: weights to start from that are not there or do not fit.
    """
    if settings.teacher or settings.patch_drop:
        raise UsageError("--teacher and --patch-drop are of re-identification: --task re-identification")
    entry = architecture(settings.architecture)
    recipe = adjusted(TrainingRecipe(), settings)
    root = Path(settings.data)
    classes, others = (list_folder(root, split).classes for split in ("train", "val"))
    if classes != others:
        raise UsageError(f"{settings.data}: train/ and val/ hold different classes")
    torch.manual_seed(settings.seed)
    model = entry.family.build(entry.name, size=settings.size, outputs=len(classes), pretrained=False)
    start_from(model, settings.init)
    train, validation = (LabelledPictures.load(root, split) for split in ("train", "val"))
    console.print(f"{len(train.labels)} pictures of {len(classes)} classes, {recipe.epochs} epochs")
    data = f"{settings.data_name or _DATA}: {len(train.labels)} pictures, enlarged to {size_text(settings.size)} pixels"
    return Classification(model, train, validation, Preprocess(settings.size), recipe, data)


def readable(folder: str) -> str:
    """A class name without the WordNet number that Tiny-ImageNet's folders start with."""
    number, _, name = folder.partition("_")
    return name.replace("_", " ") if name and number[:1] == "n" and number[1:].isdecimal() else folder
