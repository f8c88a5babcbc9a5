"""Skipped connections: PATROL's third baseline, after Oh and Lee 2019 ("Exploring image reconstruction attack in deep
learning computation offloading")."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.partition import CutError, Survey
from keyhole.partition.pruning.architectures import find_connections
from keyhole.partition.pruning.plan import Removal
from keyhole.partition.pruning.structures import Kind
from keyhole.service.errors import UsageError
from keyhole.train.defences.base import TUNING, DefenceMethod, DefenceStep, DefenceTraining, check_range
from keyhole.train.recipe import Tuning
from keyhole.train.split import Split

_KINDS: Mapping[str, Kind] = MappingProxyType({"connections": "connection", "mappings": "mapping"})


@dataclass(frozen=True)
class Skip(DefenceMethod):
    """Residual blocks of the head, drawn at random, lose their skip connection; the model may learn to live with it.

    PATROL randomly skips "connections between convolution layers". It does not say whether the path around a block is
    dropped or the block itself, and finds that skipping more makes the model more efficient. A skip connection is the
    path around a block and costs next to nothing, so the words suggest the first and the finding the second. This
    follows the words; ``dropped=mappings`` is the other reading. The blocks are drawn once, with the seed: a head that
    changed with each frame would have another cut, cost and accuracy each time. PATROL trains nothing for it, and
    neither does this without ``--epochs``.

    Attributes:
        share: of the head's residual blocks, rounded; at least one.
        dropped: ``connections`` around the blocks, or ``mappings``, the blocks' own layers.
    """

    share: float = 0.5
    dropped: str = "connections"
    tuning: ClassVar[Tuning] = dataclasses.replace(TUNING, stages=((1.0, 0),))
    least_epochs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_range("share", self.share, most=1)
        if self.dropped not in _KINDS:
            raise UsageError(f"dropped={self.dropped}: expected one of {', '.join(_KINDS)}")

    def removals(self, surveyed: Survey, cut: str, seed: int) -> tuple[Removal, ...]:
        index = surveyed.index(cut)
        blocks = find_connections(surveyed.model, lambda path: surveyed.ends.get(path, index + 1) <= index)
        if not blocks:
            name = type(surveyed.model).__name__
            raise CutError(f"{name} has no residual block of torchvision's ResNets before {cut}")
        drawn = random.Random(seed).sample(blocks, max(1, round(self.share * len(blocks))))
        return tuple(Removal(_KINDS[self.dropped], path, (0,)) for path in blocks if path in drawn)

    def training(self, split: Split) -> DefenceTraining:
        return _Plain(split)


class _Plain(DefenceTraining):
    def __init__(self, split: Split) -> None:
        self.module = split.task.module
        self._split = split

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        return {"task": self._split.prediction_loss(self._split.features(step.inputs), step.labels)}
