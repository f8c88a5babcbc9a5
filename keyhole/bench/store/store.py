"""The database of a run. One process writes it; a cell is on disk once `keep` returns."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from keyhole.bench.axes import Axes
from keyhole.bench.running.attempt import Finished
from keyhole.bench.store import document
from keyhole.bench.store.tables import AboutRow, Base, CellRow
from keyhole.service.errors import UsageError

FILE = "bench.sqlite"
_AXES = "axes"


class BenchStore:
    """The cells of a run, and what it is.

    Args:
        run: its folder; made if it is not there, gone on with if it is.

    Raises:
        UsageError: the database cannot be opened.
    """

    def __init__(self, run: Path) -> None:
        run.mkdir(parents=True, exist_ok=True)
        place = run / FILE
        try:
            self._engine = create_engine(f"sqlite:///{place}", json_serializer=partial(json.dumps, ensure_ascii=False))
            event.listen(self._engine, "connect", _tune)
            Base.metadata.create_all(self._engine)
        except SQLAlchemyError as error:
            raise UsageError(f"cannot open the run's database at {place}: {error}") from error

    def describe(self, facts: Mapping[str, Any], fixed: Mapping[str, Any], axes: Axes) -> None:
        """Say what the run is. Axes of an earlier start are kept, and grow by those of this one.

        Args:
            facts: that may change from start to start; the newest count.
            fixed: that decide the figures.
            axes: what this start measures.

        Raises:
            UsageError: a figure of this run would not compare with those that are there.
        """
        before = self.about()
        for key, value in fixed.items():
            if key in before and before[key] != value:
                raise UsageError(
                    f"{self._engine.url.database} has figures with {key} {before[key]!r}, and this run has {value!r}: "
                    "they do not compare; give another --out"
                )
        known = document.axes(before[_AXES]).joined(axes) if _AXES in before else axes
        with Session(self._engine) as session, session.begin():
            for key, value in {**facts, **fixed, _AXES: document.document(known)}.items():
                session.merge(AboutRow(key=key, value=value))

    def keep(self, finished: Finished) -> None:
        """Store a cell that ended; one that was there before is replaced."""
        row = CellRow(
            name=finished.cell.name,
            kind=finished.cell.kind,
            record=None if finished.record is None else document.document(finished.record),
            error=finished.error,
            seconds=finished.seconds,
            at=time.time(),
            machine=finished.machine,
        )
        with Session(self._engine) as session, session.begin():
            session.merge(row)

    def about(self) -> dict[str, Any]:
        """What is known of the run, by name."""
        with Session(self._engine) as session:
            return {row.key: row.value for row in session.scalars(select(AboutRow))}

    def axes(self) -> Axes:
        """All that the run was to measure, over all its starts.

        Raises:
            UsageError: it was never started.
        """
        known = self.about()
        if _AXES not in known:
            raise UsageError(f"{self._engine.url.database} holds no run of `keyhole bench`")
        return document.axes(known[_AXES])

    def cells(self) -> list[CellRow]:
        """All cells that ended, in the order of their ends."""
        with Session(self._engine) as session:
            return list(session.scalars(select(CellRow).order_by(CellRow.at)))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _tune(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
