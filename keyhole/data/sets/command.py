"""``keyhole data sets``: a table of the data sets that can be opened."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from keyhole.data.sets.division import POOLS
from keyhole.data.sets.settings import SetsSettings
from keyhole.data.sets.table import SETS
from keyhole.service.errors import UsageError
from keyhole.terminal import terminal


def sets(settings: SetsSettings) -> int:
    """Print the data sets.

    Raises:
        ValueError: no name or task contains the filter.
    """
    listed = {name: layout for name, layout in SETS.items() if settings.filter in f"{name} {layout.task}"}
    if not listed:
        raise UsageError(f"no data set's name or task contains {settings.filter!r}")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_lines=True)
    table.add_column("set", no_wrap=True)
    table.add_column("task, layout, splits, where it is obtained", overflow="fold")
    for name, layout in listed.items():
        lines = (layout.task, layout.tree, f"splits: {', '.join(layout.splits)}", layout.owner)
        table.add_row(name, Text("\n".join(lines)))
    terminal().print(
        table,
        f"Open one as NAME:PATH, for example --source veri:/data/VeRi. Each has disjoint pools, {', '.join(POOLS)}:\n"
        "audit holds the owner's test splits; private and public share the rest by identity, else clip, else picture.\n"
        "Where the owner has no test split, all three share it.",
        markup=False,
    )
    return 0
