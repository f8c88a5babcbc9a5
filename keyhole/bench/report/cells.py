"""Cells of the report's tables: texts with what they sort by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.exposure import Exposure, SecretExposure
from keyhole.bench.advice.options import Option
from keyhole.bench.records import ScaleRecord
from keyhole.metrics.interval import Interval, Mean, with_interval
from keyhole.metrics.thumbnails import Thumbnail

MISSING = "–"
NOTHING, ALL = "nothing", "all"
_EVERYTHING = 1e9
_ROUNDING = 1e-9
"""Tolerance of figures that are differences: 70.0 − 69.1 is more than 0.9."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: as it is read.
        note: what qualifies it, an interval, in smaller letters.
        value: what it sorts by; None: its text.
        over: whether the figure breaks a limit.
        chosen: whether it says that its row is what to choose.
        link: name of the element of the page that it leads to; empty: none.
    """

    text: str
    note: str = ""
    value: float | None = None
    over: bool = False
    chosen: bool = False
    link: str = ""

    @property
    def whole(self) -> str:
        """Text and note on one line."""
        return f"{self.text} {self.note}".strip()

    @property
    def sorts(self) -> str | float | None:
        """What a page sorts by: the value, nothing where nothing was measured, else None for the text."""
        return "" if self.text == MISSING else self.value


@dataclass(frozen=True)
class TableColumn:
    """A heading with what stands under it for a design.

    Attributes:
        heading: with the unit.
        cell: of a design.
        figure: that its limit is on; None: not measured.
        blind: what the blind attacker has in it, by the scale of the target's pictures.
        limit: the most that is allowed; None: no limit.
    """

    heading: str
    cell: Callable[[Option], Cell]
    figure: Callable[[Option], float | None] = lambda _: None
    limit: float | None = None
    blind: Callable[[ScaleRecord], Cell] = lambda _: Cell(MISSING)

    def breaks(self, option: Option) -> bool:
        """Whether a design is over the limit; what was not measured is not."""
        value = self.figure(option)
        return self.limit is not None and value is not None and value > self.limit + _ROUNDING


@dataclass(frozen=True)
class ReportTable:
    """Cells; a template makes rows of them.

    Attributes:
        name: of the element of the page.
        headings: of the columns.
        rows: as many cells each.
        words: leading columns that hold words; the others hold numbers.
    """

    name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int


def table(name: str, columns: Sequence[TableColumn], options: Iterable[Option], words: int) -> ReportTable:
    """A row for each design."""
    rows = tuple(tuple(column.cell(option) for column in columns) for option in options)
    return ReportTable(name, tuple(column.heading for column in columns), rows, words)


def number(value: float | None, digits: int) -> Cell:
    """A number to so many digits after the point."""
    return Cell(MISSING) if value is None or math.isnan(value) else Cell(f"{value:.{digits}f}", value=value)


def figure(value: float, interval: Interval | None, digits: int) -> Cell:
    """A number with its interval."""
    return Cell(f"{value:.{digits}f}", with_interval(value, interval, digits).partition(" ")[2], value)


def percentage(found: Mean | None) -> Cell:
    """A share in percent with its interval."""
    if found is None:
        return Cell(MISSING)
    interval = found.interval and (100 * found.interval[0], 100 * found.interval[1])
    return figure(100 * found.mean, interval, 1)


def mean(found: Exposure | None, digits: int) -> Cell:
    """A mean with its interval."""
    return figure(found.mean, found.interval, digits) if found else Cell(MISSING)


def equivalent(found: Thumbnail | None) -> Cell:
    """An equivalent thumbnail with its interval."""
    if found is None:
        return Cell(MISSING)
    return Cell(found.brief, found.text.removeprefix(found.brief).strip(), found.side)


def share(found: SecretExposure | None) -> Cell:
    """A share of a secret in percent, with what guessing gets and how often it was asked.

    One that was not read significantly better than by guessing is read as by guessing.
    """
    if found is None:
        return Cell(MISSING)
    read = "as guessing" if found.share.as_by_guessing else f"{100 * found.mean:.1f}"
    return Cell(read, f"({100 * found.share.guessing:.1f}) of {found.pictures}", found.mean)


def seen(option: Option, measured: Cell) -> Cell:
    """What is seen of a design, where what was measured of it says that: of the whole model on the edge nothing is, and
    of pictures in the cloud everything."""
    if option.alone:
        return Cell(NOTHING, value=-1.0)
    if option.remote and measured.text == MISSING:
        return Cell(ALL, value=_EVERYTHING)
    return measured


def evidence(found: Exposure | None) -> Cell:
    """How many pictures and seeds are behind a figure."""
    return Cell(f"{found.pictures} × {found.seeds}", value=found.pictures * found.seeds) if found else Cell(MISSING)
