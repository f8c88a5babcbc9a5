"""A run in the terminal: its plan before, and what each design costs and leaks after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.bench.advice.exposure import PICTURES, SEEDS
from keyhole.bench.advice.options import options
from keyhole.bench.axes import CELL_KINDS, Axes, Cell
from keyhole.bench.estimate import Remaining, spoken
from keyhole.bench.provenance import plan_facts
from keyhole.bench.records import Results

_FAILURES = 10
"""Of which a line is shown."""


def print_plan(console: Console, axes: Axes, cells: Sequence[Cell], remaining: Remaining) -> None:
    """The axes, the cells by kind, and a guess of the time."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    for name, value in plan_facts(axes).items():
        facts.add_row(name, value)
    console.print(facts)
    table = Table("cells", "number", "about", box=SIMPLE_HEAD)
    counts = Counter(cell.kind for cell in cells)
    for kind in CELL_KINDS:
        if counts[kind]:
            seconds = remaining.seconds(cell for cell in cells if cell.kind == kind)
            table.add_row(kind, str(counts[kind]), spoken(seconds))
    table.add_row("all", str(len(cells)), spoken(remaining.seconds(cells)), style="bold")
    console.print(table)


def print_results(console: Console, results: Results) -> None:
    """Each design with its worst leak, its p50 over each link, one below the other, and its accuracy; then failures."""
    links = results.links
    table = Table(title="What each design costs and leaks", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("target", "cut", "defence", "codec"):
        table.add_column(heading, overflow="fold")
    for heading in ("worst\nSSIM", "p50\nms", "accuracy\n%"):
        table.add_column(heading, justify="right", overflow="fold")
    made = options(results)
    for option in made:
        design, accuracy = option.design, option.accuracy
        table.add_row(
            *(design.target, design.cut, design.defence, design.codec),
            _number(option.leak(), 3),
            "\n".join(f"{link} {_number(option.p50(link), 1)}".lstrip() for link in links),
            _number(accuracy.value if accuracy else None, 1),
        )
    thin = [found for option in made if (found := option.exposure.get("ssim")) and found.thin]
    if thin:
        pictures, seeds = (min(getattr(found, what) for found in thin) for what in ("pictures", "seeds"))
        table.caption = (
            f"Pictures behind an SSIM: {pictures} at least, seeds: {seeds}; a conclusion needs {PICTURES} and {SEEDS}."
        )
        table.caption_justify = "left"
    console.print(table)
    for failure in results.failures[:_FAILURES]:
        console.print(f"failed: {failure.cell}\n    {failure.error.splitlines()[0]}", style="red")
    if len(results.failures) > _FAILURES:
        console.print(f"… and {len(results.failures) - _FAILURES} more", style="red")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
