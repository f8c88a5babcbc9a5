"""A head without its tail, for weights that end at the cut."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from keyhole.partition.errors import CutError
from keyhole.partition.plan import OUTPUT, Features, LiveTensor, Partition, as_tuple
from keyhole.targets import Target

_NOTHING = LiveTensor(OUTPUT, (1, 0), torch.float32)


class NoTail(nn.Module):
    """Answers N pictures with N×0."""

    def forward(self, features: Features) -> Tensor:
        """An empty answer to each picture of the batch."""
        return torch.zeros(len(as_tuple(features)[0]), 0)


def head_only(target: Target, partition: Partition) -> Partition:
    """The same head with `NoTail`.

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
