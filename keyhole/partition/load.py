"""Loading and cutting of the target that a process's flags name, with or without weights for its tail."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyhole.partition.cutting import cut_at
from keyhole.partition.errors import CutError
from keyhole.partition.model_survey import survey
from keyhole.partition.plan import OUTPUT, Features, LiveTensor, Partition, as_tuple
from keyhole.partition.tracing import TRACING
from keyhole.targets import ModelSettings, Target, load_target

_NOTHING = LiveTensor(OUTPUT, (1, 0), torch.float32)


def partitioned(settings: ModelSettings) -> tuple[Target, Partition]:
    """Load the target and cut it.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut, the target cannot be cut there, or the weights of a head alone end before it.

    >>> from keyhole.targets import ModelSettings
    >>> target, partition = partitioned(ModelSettings("resnet18-streetcam", cut="layer2"))
    >>> target.preprocess.size, partition.plan.tensors[0].shape
    (128, (1, 128, 16, 16))
    """
    target, (partition,) = partitioned_at(settings, (settings.cut,))
    return target, partition


def partitioned_at(settings: ModelSettings, cuts: Sequence[str]) -> tuple[Target, list[Partition]]:
    """Load the target and cut it at each of several points; ``settings.cut`` is ignored.

    Raises:
        TargetError: as `partitioned`.
        CutError: as `partitioned`.
    """
    target = load_target(settings.target, settings.weights, size=settings.size, strict=not settings.head_only)
    with TRACING:
        surveyed = survey(target)
        partitions = [cut_at(surveyed, cut) for cut in cuts]
    return target, [head_only(target, each) for each in partitions] if settings.head_only else partitions


class NoTail(nn.Module):
    """A tail without weights, which answers N pictures with N×0."""

    def forward(self, features: Features) -> Tensor:
        """An empty answer to each picture of the batch."""
        return torch.zeros(len(as_tuple(features)[0]), 0)


def head_only(target: Target, partition: Partition) -> Partition:
    """A partition of the same head, with `NoTail` as its tail.

    Args:
        target: what was cut; it may lack weights after the cut.
        partition: its parts.

    Raises:
        CutError: the head itself lacks weights.
    """
    held = partition.head.state_dict()
    lacking = [name for name in target.missing if name in held]
    if lacking:
        raise CutError(
            f"{target.weights} lacks {len(lacking)} of the {len(held)} tensors of a head up to {partition.plan.cut}, "
            f"the first of them {lacking[0]}: cut before it, or give weights that hold it"
        )
    return Partition(partition.head, NoTail(), dataclasses.replace(partition.plan, outputs=(_NOTHING,)))
