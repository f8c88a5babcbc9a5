"""Training a target further, on its own task: what a defence's training shares with others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from keyhole.targets.settings import ModelSettings
from keyhole.train.recipe import OptimiserName, Recipe, Stages
from keyhole.train.settings import TrainSettings

R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True)
class Tuning:
    """How a trained model is trained further.

    Attributes:
        stages: (share of the target's picture side, epochs), in order.
        batch: pictures in a step.
        steps: batches of an epoch at most; None: all of the data.
        learning_rate: peak of the model's.
        weight_decay: of the model's weights of two or more dimensions.
        optimiser: of the model.
        warm_up: share of the steps in which the rate rises.
        teaching: weight of the distance to the embeddings of the model as it was, besides the losses of
            re-identification; 0: the model starts with a random classifier of the identities, which undoes much of what
            it knows before it has learned.
    """

    stages: tuple[tuple[float, int], ...] = ((1.0, 90),)
    batch: int = 512
    steps: int | None = None
    learning_rate: float = 3e-4
    weight_decay: float = 5e-4
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    teaching: float = 0.0

    def sides(self, size: int) -> Stages:
        """`stages` in pixels, for a target's pictures of ``size``."""
        return tuple((max(1, round(size * share)), epochs) for share, epochs in self.stages)

    def task_recipe(self, base: R, size: int) -> R:
        """A task's own recipe with what is set here: how the data comes, and how the model is trained.

        Args:
            base: of the task.
            size: side of the target's pictures in pixels.
        """
        return dataclasses.replace(
            base,
            stages=self.sides(size),
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimiser=self.optimiser,
            warm_up=self.warm_up,
        )


@dataclass(frozen=True, kw_only=True)
class TuningSettings(ModelSettings):
    """Flags of a training that starts from a target and keeps its task."""

    data: str
    """The target's own training data: as for `keyhole train target`."""
    out: Path
    """Folder for checkpoints, model.safetensors and card.json, and whatever else the defence needs."""
    per_identity: int = 4
    """Re-identification: pictures of each identity in a batch."""
    identities: int = TrainSettings.identities
    """Re-identification on streetcam: vehicles to train on."""
    views: int = 12
    """Re-identification on streetcam: pictures of each vehicle."""
    part: str = ""
    """Re-identification: as for `keyhole train target`."""
    held_out: int | None = None
    """Re-identification: as for `keyhole train target`."""
    probes: int = 1
    """Re-identification: as for `keyhole train target`."""
    pictures: Path | None = None
    """Re-identification: folder where drawn pictures are kept, such as the `--out` of the target's own training.
    Absent: `--out`."""
    workers: int = 2
    """Re-identification: processes that draw or read the pictures."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on processors with native bf16 arithmetic and is many times slower on others."""
    seed: int = 0
    """Seed of all random choices, and of which identities are held out: that of the target's own training, so that the
    same are."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""

    def training(self, size: int) -> TrainSettings:
        """The flags that `keyhole train target` has too.

        Args:
            size: side of the target's pictures in pixels.
        """
        shared = {field.name for field in dataclasses.fields(TrainSettings)} - {"size"}
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return TrainSettings(size=size, **{name: value for name, value in own.items() if name in shared})
