"""How far a run is: a bar in a terminal, a line for each cell elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from keyhole.bench.axes import Cell
from keyhole.bench.estimate import Remaining, spoken
from keyhole.bench.running.executor import Finished
from keyhole.terminal import described


class Board:
    """Counts the cells that end. A context manager: the bar is there while it is open.

    Args:
        console: where to.
        cells: that are to be measured.
        remaining: the time that they take; learns from each.
    """

    def __init__(self, console: Console, cells: Sequence[Cell], remaining: Remaining) -> None:
        self._console, self._remaining = console, remaining
        self._left, self._count = dict.fromkeys(cells), len(cells)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells"), TimeElapsedColumn())
        self._bars = Progress(*columns, described(), console=console)
        self._task = self._bars.add_task(self._time, total=self._count)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def ended(self, finished: Finished) -> None:
        """A cell ended."""
        del self._left[finished.cell]
        if finished.record is not None:
            self._remaining.count(finished.cell, finished.seconds)
        self._bars.update(self._task, advance=1, description=self._time)
        if not self._console.is_terminal:
            how = "failed" if finished.record is None else f"{finished.seconds:.1f} s"
            place = f"{self._count - len(self._left)}/{self._count}"
            self._console.print(f"{place}  {finished.cell.name}: {how}; {self._time}", soft_wrap=True)

    @property
    def _time(self) -> str:
        return f"about {spoken(self._remaining.seconds(self._left))} left"
