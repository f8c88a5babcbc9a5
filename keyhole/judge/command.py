"""The command ``keyhole legibility``: what a judge reads from thumbnails, by size."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.judge.legibility import SECRETS, Legibility
from keyhole.judge.loading import SHIPPED
from keyhole.judge.settings import LegibilitySettings
from keyhole.judge.thresholds import MeasuredLegibility
from keyhole.metrics.thumbnails import SIDES
from keyhole.targets.stored_weights import this_command
from keyhole.terminal import progress_bar, terminal


def legibility(settings: LegibilitySettings) -> int:
    """Measure, print, keep; return the exit code.

    Raises:
        JudgeError: no judge in the folder.
    """
    console = terminal()
    measure_and_keep(settings.judge or SHIPPED, settings.n, settings.seed, console)
    return 0


def measure_and_keep(folder: Path, count: int, seed: int, console: Console) -> MeasuredLegibility:
    """Measure the judge in a folder on so many pictures, print what it read and keep that beside its weights.

    Raises:
        JudgeError: no judge in the folder.
    """
    with progress_bar(console) as progress:
        task = progress.add_task("drawing pictures", total=count + len(SIDES))

        def stepped(doing: str) -> None:
            progress.update(task, description=doing, advance=1)

        found = MeasuredLegibility.measure(folder, count, seed, this_command(), stepped)
        progress.update(task, total=1, completed=1)
    found.save(folder)
    console.print(legibility_table(found))
    return found


def legibility_table(found: MeasuredLegibility) -> Table:
    """Shares read right by side and secret, with their intervals; a star from where on they are more than guessing."""
    read = found.legibility
    names = [name for name in SECRETS if name in read.secrets]
    table = Table(
        title=f"what the judge reads from thumbnails of {found.pictures} pictures, {found.vehicles} vehicles",
        title_justify="left",
        box=SIMPLE_HEAD,
        caption="In brackets 95 % intervals, in per cent. *: from here on better than by guessing.",
        caption_justify="left",
    )
    for heading in ("px", *(f"{name} ({sum(read.secrets[name].asked)})" for name in names)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row, side in enumerate(read.sides):
        table.add_row(str(side), *(_cell(read, name, row) for name in names))
    table.add_row("guessing", *(f"{read.secrets[name].guessing:.1%}" for name in names))
    table.add_row("legible from", *(_size(read.legible_from(name)) for name in names))
    return table


def _cell(read: Legibility, name: str, row: int) -> str:
    secret, start = read.secrets[name], read.legible_from(name)
    star = "*" if start is not None and read.sides[row] >= start else " "
    interval = secret.interval(row)
    ends = f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else ""
    return f"{secret.share(row).value:.1%}{ends}{star}"


def _size(side: int | None) -> str:
    return "–" if side is None else f"{side} px"
