"""`keyhole cuts`: a table of the points of a model."""

from __future__ import annotations

import json
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.partition.cut_points import CutProfile, profile_surveyed
from keyhole.partition.model_survey import survey
from keyhole.partition.settings import CutsSettings
from keyhole.sizes import size_text
from keyhole.targets import Target
from keyhole.targets.load import assemble
from keyhole.terminal import terminal


def cuts(settings: CutsSettings) -> int:
    """Print the points of a model with their costs, and what could not be opened.

    Raises:
        TargetError: no such target or weights.
        CutError: the model cannot be traced.
    """
    target = assemble(settings.model, settings.weights, size=settings.size, strict=False)
    surveyed = survey(target)
    profiles = profile_surveyed(surveyed, every=settings.all)
    console = terminal()
    console.print(_table(target, profiles))
    for path, why in surveyed.closed.items():
        console.print(f"{path} is kept whole: it {why}")
    if settings.json:
        document = _document(target, profiles) | {"kept_whole": dict(surveyed.closed)}
        settings.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _table(target: Target, profiles: list[CutProfile]) -> Table:
    title = f"{target.name} at {size_text(target.preprocess.size)} px: where it can be cut"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("cut", overflow="fold")
    table.add_column("alias", no_wrap=True)
    table.add_column("payload", overflow="fold")
    for heading in ("live", "fp32\nKiB", "fp16\nbf16\nKiB", "int8\nKiB", "head\nweights", "head\nMiB", "head\nMMAC"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in profiles:
        tensors = row.point.tensors
        table.add_row(
            row.point.cut,
            row.point.alias,
            " + ".join("×".join(map(str, tensor.shape[1:])) for tensor in tensors),
            str(len(tensors)),
            *(_short(row.payload[codec] / 1024) for codec in ("fp32", "fp16", "int8")),
            f"{row.head_parameters / 1e6:.2f}M",
            _short(row.head_bytes / 2**20),
            _short(row.head_macs / 1e6),
        )
    return table


def _short(value: float) -> str:
    """Three digits or more."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _document(target: Target, profiles: list[CutProfile]) -> dict[str, Any]:
    """The table as JSON: bytes and counts, nothing rounded."""
    return {
        "target": target.name,
        "size": target.preprocess.size,
        "cuts": [
            {
                "cut": row.point.cut,
                "alias": row.point.alias,
                "tensors": [
                    {"name": tensor.name, "shape": tensor.shape, "dtype": str(tensor.dtype).removeprefix("torch.")}
                    for tensor in row.point.tensors
                ],
                "payload_bytes": dict(row.payload),
                "head_parameters": row.head_parameters,
                "head_bytes": row.head_bytes,
                "head_macs": row.head_macs,
            }
            for row in profiles
        ],
    }
