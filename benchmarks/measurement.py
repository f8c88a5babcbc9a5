"""A measurement of speed: a table on the screen, Markdown in a report, JSON in between, and its command."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import tyro
from rich.table import Table

from keyhole.terminal import terminal


@dataclass(frozen=True)
class Ratio:
    """A row's ratio and its aim.

    Attributes:
        ratio: as measured.
        most: the greatest that is aimed at; None: no such aim.
        least: the smallest that is aimed at; None: no such aim.
    """

    ratio: float
    most: float | None = None
    least: float | None = None

    @property
    def aim(self) -> str:
        """The aim in words; empty where there is none."""
        signs = (("≤", self.most), ("≥", self.least))
        return ", ".join(f"{sign} {value:g}" for sign, value in signs if value is not None)

    @property
    def met(self) -> str:
        """Whether the aim was met; empty where there is none."""
        if not self.aim:
            return ""
        low, high = self.least or float("-inf"), self.most or float("inf")
        return "yes" if low <= self.ratio <= high else "no"


@dataclass(frozen=True)
class Measurement:
    """A table of figures, and how they were measured.

    Attributes:
        title: what it is about.
        how: how it was measured, in a few sentences.
        columns: of the table, by heading: which value of a row, and its format.
        rows: values by name.
        command: that measures it again.
    """

    title: str
    how: str
    columns: dict[str, tuple[str, str]]
    rows: tuple[dict[str, Any], ...]
    command: str

    @classmethod
    def of(cls, rows: Sequence[Any], title: str, how: str, columns: dict[str, tuple[str, str]], command: str) -> Self:
        """A measurement of rows that are dataclasses. A `Ratio` gets three more columns."""
        values = [asdict(row) | ({"aim": row.aim, "met": row.met} if isinstance(row, Ratio) else {}) for row in rows]
        if isinstance(rows[0], Ratio):
            columns = columns | {"ratio": ("ratio", ".2f"), "aim": ("aim", ""), "met": ("met", "")}
        return cls(title, " ".join(how.split()), columns, tuple(values), command)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote."""
        told = json.loads(path.read_text())
        columns = {heading: (name, form) for heading, (name, form) in told["columns"].items()}
        return cls(**(told | {"columns": columns, "rows": tuple(told["rows"])}))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    @property
    def cells(self) -> list[list[str]]:
        """The table's body, row by row."""
        return [[format(row[name], form) for name, form in self.columns.values()] for row in self.rows]

    def table(self) -> Table:
        """The measurement as a table for the terminal."""
        table = Table(title=self.title, title_justify="left", caption=self.how, caption_justify="left")
        for heading in self.columns:
            table.add_column(heading, justify="right", overflow="fold")
        for cells in self.cells:
            table.add_row(*cells)
        return table

    @property
    def title_and_how(self) -> str:
        """The head of the measurement as Markdown."""
        return f"## {self.title}\n\n{self.how}"

    @property
    def rows_as_markdown(self) -> str:
        """The table as Markdown."""
        lines = [list(self.columns), ["---:"] * len(self.columns), *self.cells]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def markdown(self) -> str:
        """The measurement as Markdown for a report."""
        return f"{self.title_and_how}\n\n{self.rows_as_markdown}\n\n`{self.command}`\n"


@dataclass(frozen=True)
class MeasurementSettings:
    """Flags of every measurement."""

    json: Path | None = None
    """Also write the result to this file."""


S = TypeVar("S", bound=MeasurementSettings)


def run(settings: type[S], measurement: Callable[[S], Measurement]) -> None:
    """The command of a measurement: read its flags, print the table, write the file where one is named."""
    chosen = tyro.cli(settings)
    measured = measurement(chosen)
    terminal().print(measured.table())
    if chosen.json:
        measured.save(chosen.json)
