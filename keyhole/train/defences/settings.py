"""Flags of ``keyhole train defence``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from keyhole.service.errors import UsageError
from keyhole.train.defences.base import AnyMethod
from keyhole.train.recipe import Tuning
from keyhole.train.settings import TuningSettings


@dataclass(frozen=True, kw_only=True)
class DefenceSettings(TuningSettings):
    """Defend a trained target: what crosses a cut, or whom a classifier was trained on.

    The result is a target, `--target defended:OUT --cut CUT` of every process, and for some methods a mechanism for run
    time, `--defence NAME:file=OUT/mechanism.safetensors`; the last line printed says which. A stopped run goes on where
    it was.

    nopeek, app, disco, shredder, noise-aware and skip protect what crosses `--cut`; they start from a target and keep
    its task.

        keyhole train defence --method noise-aware:defence=gaussian:scale=0.5 --cut layer2 --data streetcam \\
            --out runs/noise-aware
        keyhole train defence --method nopeek:weight=2 --target pruned:runs/pruned --teacher resnet18-streetcam \\
            --cut layer3 --data streetcam --out runs/pruned-nopeek
        keyhole train defence --method nopeek:weight=2 --target resnet18-tinyimagenet --cut layer2 \\
            --data tiny-imagenet-100.zip --out runs/nopeek

    tl-dmi, bido, mid and smoothing protect the training pictures of a classifier; they take no notice of `--cut`.
    `--target` is what an undefended training starts from too, a network that has seen public pictures alone: its last
    layer starts afresh for the classes of `--data`. With `frozen=MODULE` each of them leaves all up to that module as
    it is, which is TL-DMI. smoothing at weight 0 is no defence, trained in the same way.

        keyhole train target --task pretraining --data lfw-112.zip --size 64 --init resnet18-tinyimagenet \\
            --stages 64:10 --out runs/lfw-public
        keyhole train defence --method tl-dmi:frozen=layer2 --target runs/lfw-public --data lfw-112.zip \\
            --keep-every 5 --out runs/lfw-tl-dmi
        keyhole train defence --method bido:measure=hsic,frozen=layer2 --target runs/lfw-public \\
            --data lfw-112.zip --out runs/lfw-tl-dmi-bido

        keyhole train defence --method mid:weight=0.1 --target resnet18-16-vehicles-public --data streetcam \\
            --out runs/vehicles-mid
    """

    method: str
    """NAME[:SETTING=VALUE,…], such as nopeek or nopeek:weight=2, or package.module:Class[:…] of your own; an error
    lists the names and settings there are."""
    teacher: str | None = None
    """Re-identification: target whose embeddings are learned besides the task, as for `--target`; of a pruned target,
    the one that it was made of. Absent: the target itself."""
    epochs: int | None = None
    """Epochs. Absent: the method's, or as many as `--batches` makes."""
    batch: int | None = None
    """Pictures in a step. Absent: 64."""
    steps: int | None = None
    """Batches of an epoch at most; with `--batches`, about so many. Absent: 80; all of the data for a classifier's
    training pictures."""
    keep_every: int | None = None
    """Also leave a target in OUT/at-EPOCH every so many epochs, to be attacked where it is as accurate as another.
    Absent: the last one alone."""
    learning_rate: float | None = None
    """Peak rate. Absent: the method's."""

    def tuning(self, method: AnyMethod) -> Tuning:
        """The method's with what the flags set.

        Raises:
            UsageError: fewer epochs than the method needs.
        """
        own = method.tuning
        ((share, epochs),) = own.stages
        epochs = epochs if self.epochs is None else self.epochs
        if self.batches and self.epochs is None:
            epochs = -(-self.batches // (self.steps or own.steps or self.batches))
        if epochs < method.least_epochs:
            raise UsageError(f"--epochs {epochs}: expected {method.least_epochs} or more")
        given: dict[str, Any] = {
            "batch": self.batch,
            "steps": self.steps,
            "batches": self.batches,
            "learning_rate": self.learning_rate,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        return dataclasses.replace(own, stages=((share, epochs),), **changed)

    def __post_init__(self) -> None:
        for name in ("batch", "steps", "batches", "learning_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} {value:g}: expected more than 0")
        if self.head_only:
            raise UsageError("--head-only: a defence is trained with the whole model's weights")
