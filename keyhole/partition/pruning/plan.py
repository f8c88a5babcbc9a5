"""Pruning plans, which say what was removed from an architecture, and their JSON files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from keyhole.partition.errors import CutError
from keyhole.partition.pruning.structures import Kind

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
class Tail:
    """A tail that was kept as it is: that of the shipped target which was pruned.

    Attributes:
        target: its name.
        sha256: of its file of weights.
    """

    target: str
    sha256: str


@dataclass(frozen=True)
class PruningPlan:
    """What was removed from an architecture: enough to rebuild the pruned model.

    Attributes:
        defence: the defence that decided, such as ``patrol``; for the frames' headers.
        cut: where the head ended when it was decided; empty where that did not matter.
        removed: structures by place; no place is named twice.
        tail: whose tail goes on with the head's features; None: it is stored with the head.

    >>> PruningPlan("patrol", "layer2", (Removal("channels", "layer1.0.conv1", (3, 5)),)).removed[0].indices
    (3, 5)
    """

    defence: str
    cut: str
    removed: tuple[Removal, ...]
    tail: Tail | None = None

    def after(self, earlier: PruningPlan | None) -> PruningPlan:
        """What was removed altogether, from the architecture on; None: nothing was removed earlier."""
        if earlier is None:
            return self
        names = [name for name in (earlier.defence, self.defence) if name]
        return dataclasses.replace(self, defence="+".join(names), removed=(*earlier.removed, *self.removed))


def write_plan(plan: PruningPlan, folder: Path) -> None:
    """Write ``plan`` into ``folder`` as JSON."""
    fields = {name: value for name, value in dataclasses.asdict(plan).items() if value is not None}
    text = json.dumps(fields, indent=None, separators=(",", ":"))
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
        tail = Tail(**fields["tail"]) if "tail" in fields else None
        return PruningPlan(str(fields["defence"]), str(fields["cut"]), removed, tail)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CutError(f"cannot read the pruning plan {path}: {error}") from error


def _removal(fields: Mapping[str, Any]) -> Removal:
    indices: Sequence[int] = fields["indices"]
    if fields["kind"] not in get_args(Kind) or not all(isinstance(index, int) for index in indices):
        raise ValueError(f"expected one of {', '.join(get_args(Kind))} with integers, got {dict(fields)}")
    return Removal(fields["kind"], str(fields["path"]), tuple(indices))
