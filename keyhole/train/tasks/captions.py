"""Captions: an embedding that pictures share with what is said of them (CLIP, Radford et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.nn.text_tower import TextTower
from keyhole.service.errors import UsageError
from keyhole.sizes import scaled, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.target import Preprocess, TargetError, count_outputs
from keyhole.train.augment import varied
from keyhole.train.recipe import OptimiserName, Stages, TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task
from keyhole.train.tasks.caption_data import CaptionParts, read_captioned
from keyhole.train.tasks.caption_learner import CaptionLearner, contrastive_loss, in_order_of_ends, shortened
from keyhole.train.tasks.reid_learner import leave_out_patches
from keyhole.train.tasks.zero_shot import ZeroShot
from keyhole.train.weights import start_from


@dataclass(frozen=True)
class CaptionRecipe(TrainingRecipe):
    """The hyper-parameters of captions, besides those of `TrainingRecipe`. Nothing is mirrored: captions tell left
    from right.

    Attributes:
        embedding: length of an embedding.
        text_width: length of a token's vector in the text tower, a multiple of 32.
        text_layers: of the text tower.
        text_length: most tokens of a caption.
        shortened: share of the captions that lose some phrases, so that a few words find pictures too.
        alike: share of the batches whose captions end alike (see `in_order_of_ends`). Pictures that are told apart by
            place and view alone leave little to learn what stands there.
        patch_drop: share of a transformer's patches that are left out of each training picture (FLIP, Li et al. 2023).
    """

    stages: Stages = ((128, 20),)
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    ema: float = 0.995
    crop: float = 0.7
    colour: float = 0.1
    flip: float = 0.0
    embedding: int = 128
    text_width: int = 128
    text_layers: int = 2
    text_length: int = 48
    shortened: float = 0.5
    alike: float = 0.5
    patch_drop: float = 0.0


class Captions(Task):
    """See `Task`. The module is a `CaptionLearner`, the target its picture tower; labels are the captions' tokens, N×L.

    Args:
        learner: both towers.
        parts: pictures with captions.
        zero_shot: measures the towers.
        preprocess: of the picture tower.
        recipe: the hyper-parameters.
        data: one line on the pictures, for the card.

    Raises:
        UsageError: fewer pictures than a batch.
    """

    kind = "captions"
    recipe: CaptionRecipe
    module: CaptionLearner

    def __init__(
        self,
        learner: CaptionLearner,
        parts: CaptionParts,
        zero_shot: ZeroShot,
        preprocess: Preprocess,
        recipe: CaptionRecipe,
        data: str = "",
    ) -> None:
        self.module, self.recipe, self.preprocess, self.data = learner, recipe, preprocess, data
        self.outputs, self.trained_on = Outputs(embedding=recipe.embedding), parts.trained_on
        self.tested_on = {"pictures": len(parts.report), "selection_pictures": len(parts.selection)}
        self._train, self._selection, self._report, self._zero_shot = (
            parts.train, parts.selection, parts.report, zero_shot,
        )  # fmt: skip
        self._by_ends = torch.tensor(in_order_of_ends(parts.train.captions))
        self.steps = len(parts.train) // recipe.batch
        if not self.steps or recipe.batch < 2:
            raise UsageError(
                f"{len(parts.train)} pictures to train with: expected --batch from 2 to that, got {recipe.batch}"
            )

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        order, batch = torch.randperm(len(self._train), generator=generator), self.recipe.batch
        for some in torch.split(order, batch)[: self.steps]:
            first = int(torch.randint(len(order) - batch + 1, (), generator=generator))
            alike = float(torch.rand((), generator=generator)) < self.recipe.alike
            chosen = self._by_ends[first : first + batch] if alike else some
            side = scaled(self.preprocess.size, size)
            pictures = varied(self._train.pictures[chosen].float() / 255, side, generator, self.recipe)
            texts = [shortened(self._train.captions[n], self.recipe.shortened, generator) for n in chosen.tolist()]
            yield Batch(self.preprocess.normalise(pictures), self.module.text.tokens(texts))

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        same = (labels[:, None] == labels[None]).all(2)
        return contrastive_loss(answers, self.module.text(labels), self.module.scale(), same)

    def network(self, module: nn.Module) -> nn.Module:
        return module

    def target(self, network: nn.Module) -> nn.Module:
        return cast(CaptionLearner, network).pictures

    def write_beside(self, network: nn.Module, folder: Path) -> Sequence[str]:
        """The text tower, as diffusers' directories have it."""
        return cast(CaptionLearner, network).text.save(folder)

    def assess(self, network: nn.Module, size: int) -> str:
        learner = cast(CaptionLearner, network)
        found = self._zero_shot.accuracy(learner, self._selection, self._seen(size))
        told = ", ".join(f"{name} {value:.1f} %" for name, value in found.items())
        return f"temperature {learner.temperature:.3f}, {told}"

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        learner, seen = cast(CaptionLearner, network), self._seen(self.recipe.stages[-1][0])
        chosen = self._zero_shot.accuracy(learner, self._selection, seen)
        return {
            **self._zero_shot.accuracy(learner, self._report, seen),
            **self._zero_shot.beside(learner, self._train, self._report, seen),
            **{f"{name}_selection": value for name, value in chosen.items()},
        }

    def _seen(self, size: int) -> Preprocess:
        return Preprocess(scaled(self.preprocess.size, size), self.preprocess.mean, self.preprocess.std)


def captions(settings: TrainSettings, console: Console) -> Task:
    """The task that the flags describe.

    Raises:
        MissingError: no data there.
        UsageError: no captions, too few pictures, a flag of another task, or transformers is not installed.
        TargetError: an architecture that does not end in a linear layer or cannot take the pictures, or weights to
            start from that are not there or do not fit.
    """
    if settings.teacher:
        raise UsageError("--teacher is of re-identification: --task re-identification")
    recipe = replace(adjusted(CaptionRecipe(), settings), patch_drop=settings.patch_drop)
    torch.manual_seed(settings.seed)
    entry = architecture(settings.architecture)
    network = entry.family.build(entry.name, size=settings.size, outputs=recipe.embedding, pretrained=False)
    if count_outputs(network, settings.size) != recipe.embedding:
        raise TargetError(f"{settings.architecture} does not end in a linear layer that could give an embedding")
    if again := start_from(network, settings.init):
        console.print(again)
    leave_out_patches(network, recipe.patch_drop)
    parts = read_captioned(settings, console)
    torch.manual_seed(settings.seed)
    text = TextTower.fresh(
        parts.train.captions,
        width=recipe.text_width,
        layers=recipe.text_layers,
        embedding=recipe.embedding,
        length=recipe.text_length,
    )
    count, different = len(parts.train), len(set(parts.train.captions))
    console.print(
        f"{count} pictures with {different} different captions, {recipe.epochs} epochs; reported of "
        f"{len(parts.report)} others, to be chosen by {len(parts.selection)} that are in neither",
        soft_wrap=True,
    )
    data = f"{settings.data_name or settings.data}: {count} pictures with captions, {size_text(settings.size)} pixels"
    zero_shot = ZeroShot.of(settings.data, parts.train.captions)
    return Captions(CaptionLearner(network, text), parts, zero_shot, Preprocess(settings.size), recipe, data)
