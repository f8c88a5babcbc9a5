"""A run in the terminal: its plan before, and what each design costs and leaks after."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.about import plan_facts
from bench.axes import Axes
from bench.cells import KINDS, Cell
from bench.estimate import Remaining, spoken
from bench.records import Accuracy, Design, Latency, Leak, Profile, Results

_FAILURES = 10
"""Of which a line is shown."""


def print_plan(console: Console, axes: Axes, cells: Sequence[Cell], remaining: Remaining) -> None:
    """The axes, the cells by kind, and a guess of the time."""
    facts = Table.grid(padding=(0, 2))
    for name, value in plan_facts(axes).items():
        facts.add_row(f"[bold]{name}[/bold]", value)
    console.print(facts)
    table = Table("cells", "number", "about", box=SIMPLE_HEAD)
    counts = Counter(cell.kind for cell in cells)
    for kind in KINDS:
        if counts[kind]:
            seconds = remaining.seconds(cell for cell in cells if cell.kind == kind)
            table.add_row(kind, str(counts[kind]), spoken(seconds))
    table.add_row("[bold]all[/bold]", str(len(cells)), spoken(remaining.seconds(cells)))
    console.print(table)


def print_results(console: Console, results: Results) -> None:
    """Each design with its worst leak, its p50 over each link, and its accuracy; then what failed."""
    links = list(dict.fromkeys(each.link for each in results.latencies))
    table = Table(title="What each design costs and leaks", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("target", "cut", "defence", "codec"):
        table.add_column(heading, overflow="fold")
    for heading in ("worst\nSSIM", *(f"{link}\np50 ms" for link in links), "accuracy\n%"):
        table.add_column(heading, justify="right", no_wrap=True)
    for design in _designs(results):
        times = [_p50(results, design, link) for link in links]
        table.add_row(
            *(design.target, design.cut, design.defence, design.codec),
            _worst(results, design),
            *times,
            _accuracy(results, design),
        )
    console.print(table)
    for failure in results.failures[:_FAILURES]:
        console.print(f"failed: {failure.cell}\n    {failure.error.splitlines()[0]}", style="red", markup=False)
    if len(results.failures) > _FAILURES:
        console.print(f"… and {len(results.failures) - _FAILURES} more", style="red")


def _designs(results: Results) -> list[Design]:
    """In the order in which they were measured, baselines first."""
    kinds = (results.latencies, results.accuracies, results.profiles, results.leaks)
    return list(dict.fromkeys(design for records in kinds for design in map(_design, records)))


def _design(record: Latency | Accuracy | Profile | Leak) -> Design:
    return record.design


def _worst(results: Results, design: Design) -> str:
    """The greatest mean SSIM over attacks and seeds."""
    means = [statistics.fmean(leak.scores["ssim"]) for leak in results.leaks if leak.design == design]
    return f"{max(means):.3f}" if means else "–"


def _p50(results: Results, design: Design, link: str) -> str:
    found = [each.total.p50 for each in results.latencies if (each.design, each.link) == (design, link)]
    return f"{found[0]:.1f}" if found else "–"


def _accuracy(results: Results, design: Design) -> str:
    found = [each.value for each in results.accuracies if each.design == design]
    return f"{found[0]:.1f}" if found else "–"
