"""Memory of a pruned head: the goal of the pruning, and a report of what it reached (Tables IV and V)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from keyhole.partition import CutError
from keyhole.partition.memory import SizedHead, deepest, footprint_at, footprints
from keyhole.targets.catalogue import PRUNED

MEMORY = "memory.json"
_MIB = 2**20


@dataclass(frozen=True)
class MemoryGoal:
    """Limits on the memory of a pruned head.

    Attributes:
        cut: where the head ends.
        tensors: names of its weights.
        weights: bytes of them at most.
        total: bytes of weights and activations at most; None: any.
    """

    cut: str
    tensors: frozenset[str]
    weights: float
    total: int | None = None

    @classmethod
    def of(cls, head: nn.Module, before: Sequence[SizedHead], cut: str, ratio: float, room: str | None) -> MemoryGoal:
        """The room of an unpruned head, or, without one, what is left of a head's weights.

        Args:
            head: the whole one.
            before: footprints of the whole model.
            cut: where the head ends.
            ratio: share of its weights to remove.
            room: where the head ends whose memory the edge has; None: there is no such limit.

        Raises:
            CutError: no block ends at one of the points.
        """
        names, weights = frozenset(head.state_dict()), footprint_at(before, cut).weights
        if room is None:
            return cls(cut, names, weights * (1 - ratio))
        total = footprint_at(before, room).total
        return cls(cut, names, total, total)

    def reached(self, network: nn.Module, example: Tensor) -> bool:
        """Whether the head of a pruned network is within the limits, for pictures like ``example``."""
        state = network.state_dict()
        if sum(state[name].nbytes for name in self.tensors & state.keys()) > self.weights:
            return False
        return self.total is None or footprint_at(footprints(network, example), self.cut).total <= self.total


def fewest_gone(
    now: Sequence[Tensor], seen: Sequence[Tensor], threshold: float, enough: Callable[[Sequence[Tensor]], bool]
) -> list[Tensor]:
    """Masks that reach the goal with as few entries gone as possible.

    Entries that start alike fall alike, and many may be gone a few steps after the goal was still far. The largest of
    them come back as long as the goal is reached; then whole masks do, such as that of a small mapping that was removed
    on the way to a large one.

    Args:
        now: masks that reach the goal.
        seen: the same masks at an earlier comparison.
        threshold: entries up to this magnitude are gone.
        enough: whether masks reach the goal; where some do, so do those with more zeros.

    Returns:
        Of each mask what stays, and 0 elsewhere.
    """

    def back(limit: float) -> list[Tensor]:
        return [
            torch.where(mask.abs() > threshold, mask, earlier * (earlier.abs() > limit))
            for mask, earlier in zip(now, seen, strict=True)
        ]

    gone = [earlier * (mask.abs() <= threshold) for mask, earlier in zip(now, seen, strict=True)]
    left = back(least_threshold(gone, lambda limit: enough(back(limit))))
    for place in sorted(range(len(left)), key=lambda place: -float(gone[place].abs().max())):
        missing = gone[place] * (left[place] == 0)
        whole = [*left[:place], left[place] + missing, *left[place + 1 :]]
        if missing.any() and enough(whole):
            left = whole
    return left


def least_threshold(masks: Sequence[Tensor], enough: Callable[[float], bool]) -> float:
    """The smallest τ that is enough, among the magnitudes of the masks' entries; the largest where none is.

    Args:
        masks: as they are.
        enough: whether a threshold is; where one is, so are larger ones.
    """
    entries = torch.cat([torch.zeros(1), *(mask.detach().abs().cpu() for mask in masks)])
    sizes = sorted(set(entries.tolist()))
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(sizes[middle]) else (middle + 1, high)
    return float(sizes[low])


def report_memory(
    before: Sequence[SizedHead],
    after: Sequence[SizedHead],
    cut: str,
    goal: MemoryGoal | None,
    folder: Path,
    console: Console,
) -> None:
    """Print the memory of every head up to the cut, and the head to use; write both into ``folder``.

    Args:
        before: of the whole model.
        after: of the pruned one.
        cut: where its head ends.
        goal: the room that was asked for.
        folder: of the results.
        console: to print on.
    """
    whole = {fit.point.cut: fit for fit in before}
    rows = [(whole[fit.point.cut], fit) for fit in after if fit.costs.head_parameters and fit.point.cut in whole]
    rows = rows[: [fit.point.cut for _, fit in rows].index(cut) + 1]
    table = Table(title="MiB of a head, whole and pruned", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("cut", "weights", "pruned", "activations", "pruned", "MMAC", "pruned"):
        table.add_column(heading, justify="left" if heading == "cut" else "right")
    for old, new in rows:
        pairs = (
            (old.footprint.weights / _MIB, new.footprint.weights / _MIB),
            (old.footprint.activations / _MIB, new.footprint.activations / _MIB),
            (old.costs.head_macs / 1e6, new.costs.head_macs / 1e6),
        )
        table.add_row(new.point.cut, *(f"{value:.2f}" for pair in pairs for value in pair))
    console.print(table)
    best, reason = _best(after, cut, goal)
    console.print(f"{reason}: --target {PRUNED}:{folder} --cut {best}" if best else reason, soft_wrap=True)
    document = {
        "room_bytes": None if goal is None else goal.total,
        "deepest": best,
        "cuts": [{"cut": new.point.cut, "whole": _numbers(old), "pruned": _numbers(new)} for old, new in rows],
    }
    (folder / MEMORY).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _best(after: Sequence[SizedHead], cut: str, goal: MemoryGoal | None) -> tuple[str | None, str]:
    """The cut to use, and the reason."""
    if goal is None or goal.total is None:
        return cut, "use it with"
    try:
        return deepest(after, goal.total, cut).point.cut, f"the deepest head in {goal.total / _MIB:.2f} MiB"
    except CutError as error:
        return None, f"{error}; train longer, or with a larger --l1"


def _numbers(fit: SizedHead) -> dict[str, int]:
    return {
        "weights": fit.footprint.weights,
        "activations": fit.footprint.activations,
        "macs": fit.costs.head_macs,
        "parameters": fit.costs.head_parameters,
        "payload_fp32": fit.costs.payload["fp32"],
    }
