"""Removes from a network what a plan says."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from torch import Tensor, nn

from keyhole.partition.errors import CutError
from keyhole.partition.pruning.channels import dependencies, remove_channels
from keyhole.partition.pruning.plan import PruningPlan, Removal
from keyhole.partition.pruning.residual import remove_connection, remove_mapping
from keyhole.partition.pruning.transformer import remove_heads, remove_hidden_units


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
