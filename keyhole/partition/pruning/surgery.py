"""Finding and removing the structures of every kind in a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from torch import Tensor, nn

from keyhole.partition.errors import CutError
from keyhole.partition.model_survey import Survey
from keyhole.partition.pruning.architectures import (
    find_heads,
    find_hidden_units,
    find_mappings,
    remove_connection,
    remove_heads,
    remove_hidden_units,
    remove_mapping,
)
from keyhole.partition.pruning.channels import dependencies, find_channels, remove_channels
from keyhole.partition.pruning.plan import PruningPlan, Removal
from keyhole.partition.pruning.structures import Structures

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

    >>> import torch
    >>> from keyhole.partition import survey
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    >>> (convolution,) = structures_before(survey(net, torch.rand(1, 3, 8, 8)), cut="1")
    >>> convolution.kind, convolution.path, convolution.count
    ('channels', '0', 8)
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


def prune(network: nn.Module, plan: PruningPlan, example: Tensor) -> None:
    """Remove the plan's structures from ``network``, which is left in eval mode.

    Args:
        network: the whole architecture; is changed.
        plan: what goes.
        example: one picture that the network takes, 1×C×H×W.

    Raises:
        CutError: the network is not the one that the plan is for.
    """
    surgery = _Surgery(network, example)
    for removal in plan.removed:
        try:
            surgery.remove(removal)
        except (AttributeError, IndexError, RuntimeError) as error:
            raise CutError(
                f"{type(network).__name__} has no {removal.kind} {list(removal.indices)} at {removal.path}: the plan "
                f"is for another architecture ({error})"
            ) from error


class _Surgery:
    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network = network.eval()
        self._example = example

    @cached_property
    def _dependencies(self) -> Any:
        return dependencies(self._network, self._example)

    def remove(self, removal: Removal) -> None:
        network, path, indices = self._network, removal.path, removal.indices
        match removal.kind:
            case "channels":
                remove_channels(self._dependencies, network, path, indices)
            case "heads":
                remove_heads(network, path, indices)
            case "hidden units":
                remove_hidden_units(network, path, indices)
            case "mapping":
                remove_mapping(network, path)
            case "connection":
                remove_connection(network, path)
