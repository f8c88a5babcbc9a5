"""What a pruned head needs beside the whole one, as a table and a file (Tables IV and V)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.partition import CutError
from keyhole.partition.memory import SizedHead, deepest
from keyhole.targets.catalogue import PRUNED
from keyhole.train.defences.patrol.goal import Goal

MEMORY = "memory.json"
_MIB = 2**20


def report(
    before: Sequence[SizedHead], after: Sequence[SizedHead], cut: str, goal: Goal | None, folder: Path, console: Console
) -> None:
    """Print the memory of every head up to the cut, and which to use; write the same into ``folder``.

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


def _best(after: Sequence[SizedHead], cut: str, goal: Goal | None) -> tuple[str | None, str]:
    """The cut to use, and why."""
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
