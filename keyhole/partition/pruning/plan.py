"""The plan of a pruned model: what was removed from which architecture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from torch import Tensor, nn

from keyhole.partition.errors import CutError
from keyhole.partition.pruning.channels import dependencies, remove_channels
from keyhole.partition.pruning.residual import remove_connection, remove_mapping
from keyhole.partition.pruning.structures import Kind
from keyhole.partition.pruning.transformer import remove_heads, remove_hidden_units

PLAN = "plan.json"


@dataclass(frozen=True)
class Removal:
    """Structures that are gone.

    Attributes:
        kind: what they were.
        path: module that they are named by, in the whole architecture.
        indices: which of its structures, rising.
    """

    kind: Kind
    path: str
    indices: tuple[int, ...]


@dataclass(frozen=True)
class PruningPlan:
    """What was removed from an architecture, enough to build the pruned one again.

    Attributes:
        defence: by what it was decided, such as ``patrol``; for the frames' headers.
        cut: where the head ended when it was decided.
        removed: structures by place; no place is named twice.
    """

    defence: str
    cut: str
    removed: tuple[Removal, ...]

    def apply(self, network: nn.Module, example: Tensor) -> None:
        """Remove the structures from ``network``, which is left in eval mode.

        Args:
            network: the whole architecture; is changed.
            example: one picture that it takes, 1×C×H×W.

        Raises:
            CutError: the network is not the one that the plan is for.
        """
        surgery = _Surgery(network, example)
        for removal in self.removed:
            try:
                surgery.remove(removal)
            except (AttributeError, IndexError, RuntimeError) as error:
                raise CutError(
                    f"{type(network).__name__} has no {removal.kind} {list(removal.indices)} at {removal.path}: the "
                    f"plan is for another architecture ({error})"
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


def write_plan(plan: PruningPlan, folder: Path) -> None:
    """Write ``plan`` into ``folder`` as JSON."""
    text = json.dumps(dataclasses.asdict(plan), indent=None, separators=(",", ":"))
    (folder / PLAN).write_text(text.replace('{"kind"', '\n{"kind"') + "\n", encoding="utf-8")


def read_plan(folder: Path) -> PruningPlan:
    """The plan in ``folder``.

    Raises:
        CutError: none there, or it is not one.
    """
    path = folder / PLAN
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        removed = tuple(_removal(each) for each in fields["removed"])
        return PruningPlan(str(fields["defence"]), str(fields["cut"]), removed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CutError(f"cannot read the pruning plan {path}: {error}") from error


def _removal(fields: Mapping[str, Any]) -> Removal:
    indices: Sequence[int] = fields["indices"]
    if fields["kind"] not in get_args(Kind) or not all(isinstance(index, int) for index in indices):
        raise ValueError(f"expected one of {', '.join(get_args(Kind))} with integers, got {dict(fields)}")
    return Removal(fields["kind"], str(fields["path"]), tuple(indices))
