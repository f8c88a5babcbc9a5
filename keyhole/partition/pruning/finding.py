"""Which structures the head of a model has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from torch import nn

from keyhole.partition.errors import CutError
from keyhole.partition.pruning.channels import find_channels
from keyhole.partition.pruning.residual import find_mappings
from keyhole.partition.pruning.structures import Structures
from keyhole.partition.pruning.transformer import find_heads, find_hidden_units
from keyhole.partition.surveying import Survey

Granularity = Literal["channels", "blocks"]
"""``channels``: of convolutions, and heads and hidden units of transformers; ``blocks``: whole residual mappings."""


def structures_before(surveyed: Survey, cut: str, granularity: Granularity = "channels") -> tuple[Structures, ...]:
    """The structures of a model's head, none of which overlap, in the order in which they run.

    Args:
        surveyed: the model.
        cut: where the head ends.
        granularity: what a structure is.

    Raises:
        CutError: no such cut, or nothing before it can be removed.
    """
    index = surveyed.index(cut)

    def before(path: str) -> bool:
        return surveyed.ends.get(path, index + 1) <= index

    found = _FINDERS[granularity](surveyed, before)
    if not found:
        raise CutError(
            f"{type(surveyed.model).__name__} has no {granularity} before {cut} that can be removed: known are "
            "channels of convolutions with batch norm or none, heads and hidden units of timm's vision transformers, "
            "and, as blocks, the residual mappings of torchvision's ResNets"
        )
    return tuple(sorted(found, key=lambda each: surveyed.ends[each.path]))


def _channels(surveyed: Survey, before: Callable[[str], bool]) -> list[Structures]:
    network: nn.Module = surveyed.model
    return [
        *find_channels(network, surveyed.example, before),
        *find_heads(network, before),
        *find_hidden_units(network, before),
    ]


def _blocks(surveyed: Survey, before: Callable[[str], bool]) -> list[Structures]:
    return find_mappings(surveyed.model, before)


_FINDERS: Mapping[Granularity, Callable[[Survey, Callable[[str], bool]], list[Structures]]] = {
    "channels": _channels,
    "blocks": _blocks,
}
