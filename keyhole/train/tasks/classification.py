"""Classification: pictures of classes, or of identities as classes; cross-entropy, top-k accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.labelled import SELECTED, LabelledPictures, readable
from keyhole.service.errors import UsageError
from keyhole.sizes import scaled
from keyhole.targets.architectures import architecture
from keyhole.targets.membership import TrainedOn
from keyhole.targets.target import Preprocess
from keyhole.train.augment import varied
from keyhole.train.recipe import TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.smoothing import smoothed_cross_entropy
from keyhole.train.task import Batch, Outputs, Task, batches_in
from keyhole.train.tasks.class_data import open_classes
from keyhole.train.weights import start_from


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
        trained_on: who is seen in the training pictures, where the classes are identities.
    """

    def __init__(
        self,
        model: nn.Module,
        train: LabelledPictures,
        validation: LabelledPictures,
        preprocess: Preprocess,
        recipe: TrainingRecipe,
        data: str = "",
        trained_on: TrainedOn = TrainedOn(),  # noqa: B008  (frozen)
    ) -> None:
        self.module, self.recipe, self.preprocess, self.data = model, recipe, preprocess, data
        self.trained_on = trained_on
        self.steps = batches_in(len(train.labels), recipe.batch)
        self.outputs = Outputs(labels=tuple(readable(name) for name in train.names))
        self._train, self._selection, self._report = train, validation.for_selection(), validation.for_report()
        chosen_by = {"selection_pictures": len(self._selection.labels)} if self._selection else {}
        self.tested_on = {"pictures": len(self._report.labels), **chosen_by}

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(self._train.labels), generator=generator)
        for chosen in torch.split(order, self.recipe.batch)[: self.steps]:
            own = self._train.pictures[chosen].float() / 255
            pictures = varied(own, scaled(self.preprocess.size, size), generator, self.recipe)
            yield Batch(self.preprocess.normalise(pictures), self._train.labels[chosen])

    def loss(self, answers: Any, labels: Tensor) -> Tensor:
        return smoothed_cross_entropy(answers, labels, self.recipe.label_smoothing)

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
    if entry.family.facts(entry.name).detects:
        raise UsageError(f"--architecture {settings.architecture} answers with boxes: --task detection")
    data = open_classes(settings)
    recipe = adjusted(data.recipe, settings)
    torch.manual_seed(settings.seed)
    model = entry.family.build(entry.name, size=settings.size, outputs=len(data.names), pretrained=False)
    afresh = start_from(model, settings.init)
    train, validation = data.read(console)
    said = f"{len(train.labels)} pictures of {len(data.names)} classes, {len(validation.labels)} held back"
    console.print("; ".join(filter(None, (f"{said}, {recipe.epochs} epochs", afresh))), soft_wrap=True)
    preprocess = Preprocess(settings.size)
    return Classification(model, train, validation, preprocess, recipe, data.text(train), data.trained_on)
