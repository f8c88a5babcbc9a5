"""``keyhole targets``: the models that can be split."""

from __future__ import annotations

import json
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.remembered import remembered
from keyhole.service.errors import UsageError
from keyhole.sizes import size_of, size_text
from keyhole.targets.settings import TargetsSettings
from keyhole.terminal import terminal

_MAKE = "keyhole.targets.facts_table:facts_table"


def targets(settings: TargetsSettings) -> int:
    """``keyhole targets``: print the models that can be split; return the exit code.

    Raises:
        UsageError: no name contains the filter.
    """
    rows = [row for row in remembered(_MAKE, {})["targets"] if settings.filter in row["target"]]
    if not rows:
        raise UsageError(f"no target's name contains {settings.filter!r}")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("target", overflow="fold")
    table.add_column("px", justify="right", no_wrap=True)
    table.add_column("outputs", justify="right", no_wrap=True)
    table.add_column("weights", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for row in rows:
        outputs = str(row["outputs"] or _other_outputs(row))
        table.add_row(row["target"], _size(row["preprocess"]["size"]), outputs, row["weights"], row["licence"])
    terminal().print(
        table,
        "and package.module:factory for a model of one's own; for a CLIP's picture tower transformers:FOLDER (or a "
        "name of its hub) and, where that package is installed, open_clip:MODEL; pruned:FOLDER for what `keyhole train "
        "patrol` wrote, defended:FOLDER for `keyhole train defence`, the FOLDER of `keyhole train target`",
    )
    if settings.json:
        settings.json.write_text(json.dumps({"targets": rows}, indent=2) + "\n")
    return 0


def _size(size: int | list[int]) -> str:
    return size_text(size if isinstance(size, int) else size_of(*size))


def _other_outputs(row: dict[str, Any]) -> str:
    return f"boxes of {row['detects']}" if row["detects"] else f"embedding {row['embedding'] or ''}".rstrip()
