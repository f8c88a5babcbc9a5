"""`keyhole cuts`: a table of the points of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.partition.settings import CutsSettings
from keyhole.remembered import ask, remembered
from keyhole.sizes import size_of, size_text
from keyhole.terminal import terminal

_MAKE = "keyhole.partition.profile_table:profile_table"
_FIXED = ("timm", "torchvision", "conv-stem", "narrow", "yolov2", "detection")
"""Prefixes of names whose models depend on installed packages alone."""


def cuts(settings: CutsSettings) -> int:
    """Print the points of a model with their costs, and what could not be opened.

    Raises:
        TargetError: no such target or weights.
        CutError: the model cannot be traced.
    """
    terms = {"model": settings.model, "weights": settings.weights, "size": settings.size, "every": settings.all}
    document = (remembered if _is_fixed(settings) else ask)(_MAKE, terms)
    console = terminal()
    console.print(_table(document))
    for path, why in document["kept_whole"].items():
        console.print(f"{path} is kept whole: it {why}")
    if settings.json:
        settings.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _is_fixed(settings: CutsSettings) -> bool:
    """Whether nothing but installed packages says what a model is: no file of the user's, and no code."""
    prefix, colon, _ = settings.model.partition(":")
    return not settings.weights and not Path(settings.model).exists() and (not colon or prefix in _FIXED)


def _table(document: dict[str, Any]) -> Table:
    size = document["size"]
    size = size if isinstance(size, int) else size_of(*size)
    title = f"{document['target']} at {size_text(size)} px: where it can be cut"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("cut", overflow="fold")
    table.add_column("alias", no_wrap=True)
    table.add_column("payload", overflow="fold")
    for heading in ("live", "fp32\nKiB", "fp16\nbf16\nKiB", "int8\nKiB", "head\nweights", "head\nMiB", "head\nMMAC"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in document["cuts"]:
        tensors = row["tensors"]
        table.add_row(
            row["cut"],
            row["alias"],
            " + ".join("×".join(map(str, tensor["shape"][1:])) for tensor in tensors),
            str(len(tensors)),
            *(_short(row["payload_bytes"][codec] / 1024) for codec in ("fp32", "fp16", "int8")),
            f"{row['head_parameters'] / 1e6:.2f}M",
            _short(row["head_bytes"] / 2**20),
            _short(row["head_macs"] / 1e6),
        )
    return table


def _short(value: float) -> str:
    """Three digits or more."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
