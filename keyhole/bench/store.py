"""Database of a run. One process writes it; a cell is on disk once `BenchStore.keep` returns."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import JSON, create_engine, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from keyhole.bench.axes import Axes, lossless
from keyhole.bench.executor import Finished
from keyhole.bench.links import emulated_link
from keyhole.bench.provenance import DECIDES, DEFENCE, SOURCE, load_facts, plan_facts, with_budgets
from keyhole.bench.records import (
    AccuracyRecord,
    CellRecord,
    LatencyRecord,
    LeakRecord,
    ProfileRecord,
    ScaleRecord,
    TrainingSetRecord,
)
from keyhole.bench.results import Failure, Results
from keyhole.bench.stored_records import read_axes, read_record
from keyhole.service.errors import UsageError

if TYPE_CHECKING:
    from keyhole.bench.settings import CellKind

FILE = "bench.sqlite"
_AXES = "axes"


class BenchTables(DeclarativeBase):
    """Tables of a run's database."""


class CellRow(BenchTables):
    """A cell that ended."""

    __tablename__ = "cells"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    record: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # none: it failed
    error: Mapped[str] = mapped_column(default="")  # last line, then the traceback
    seconds: Mapped[float]  # wall time
    at: Mapped[float]  # Unix time of its end, seconds
    machine: Mapped[str]


class ProvenanceRow(BenchTables):
    """A fact about the run; the values are JSON."""

    __tablename__ = "about"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class BenchStore:
    """The stored cells of a run, and what the run is.

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
            BenchTables.metadata.create_all(self._engine)
        except SQLAlchemyError as error:
            raise UsageError(f"cannot open the run's database at {place}: {error}") from error

    def describe(self, facts: Mapping[str, Any], fixed: Mapping[str, Any], axes: Axes) -> None:
        """Store what the run is. Axes of an earlier start are kept, and grow by those of this one.

        Args:
            facts: that may change from start to start; the newest count.
            fixed: that decide the figures.
            axes: what this start measures.

        Raises:
            UsageError: a figure of this run would not compare with those that are there.
        """
        before = self.provenance()
        for key, value in fixed.items():
            if key in before and before[key] != value and self._has_figures_of(key):
                raise UsageError(
                    f"{self._engine.url.database} has figures with {key} {before[key]!r}, and this run has {value!r}: "
                    "they do not compare; give another --out"
                )
        known = read_axes(before[_AXES]).joined(axes) if _AXES in before else axes
        with Session(self._engine) as session, session.begin():
            for key, value in {**facts, **fixed, _AXES: dataclasses.asdict(known)}.items():
                session.merge(ProvenanceRow(key=key, value=value))

    def _has_figures_of(self, key: str) -> bool:
        """Whether a figure is there that the fact decides: a class of a user's own may change until it has one."""
        if kinds := DECIDES.get(key):
            return any(row.kind in kinds and row.record is not None for row in self.cells())
        word = key.removeprefix(SOURCE).removeprefix(DEFENCE)
        if word == key:
            return True
        return any(
            word in {*row.name.split(" | "), *row.record.get("scores", ()), *row.record.get("sets", ())}
            for row in self.cells()
            if row.record is not None
        )

    def keep(self, finished: Finished) -> None:
        """Store a cell that ended; one that was there before is replaced."""
        row = CellRow(
            name=finished.cell.name,
            kind=finished.cell.kind,
            record=None if finished.record is None else dataclasses.asdict(finished.record),
            error=finished.error,
            seconds=finished.seconds,
            at=time.time(),
            machine=finished.machine,
        )
        with Session(self._engine) as session, session.begin():
            session.merge(row)

    def provenance(self) -> dict[str, Any]:
        """What is known of the run, by name."""
        with Session(self._engine) as session:
            return with_budgets({row.key: row.value for row in session.scalars(select(ProvenanceRow))})

    def axes(self) -> Axes:
        """All that the run was to measure, over all its starts.

        Raises:
            UsageError: it was never started.
        """
        known = self.provenance()
        if _AXES not in known:
            raise UsageError(f"{self._engine.url.database} holds no run of `keyhole bench`")
        return read_axes(known[_AXES])

    def cells(self) -> list[CellRow]:
        """All cells that ended, in the order of their ends."""
        with Session(self._engine) as session:
            return list(session.scalars(select(CellRow).order_by(CellRow.at)))

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


def _tune(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def open_results(run: Path) -> Results:
    """All that a run has measured so far; it may still be going on.

    What several designs share is measured once and stands here for each: a leak and an accuracy for every codec that
    loses the same, the whole model on the edge for every link, as slow as the edge is there, what is seen of a training
    set for every design of its target.

    Args:
        run: folder that `keyhole bench` wrote.

    Raises:
        UsageError: there is no run, or one of another version.
    """
    if not (run / FILE).is_file():
        raise UsageError(f"no run of `keyhole bench` at {run}: expected {FILE} in it")
    store = BenchStore(run)
    try:
        axes, rows, provenance = store.axes(), store.cells(), store.provenance()
    finally:
        store.close()
    records = [
        each
        for row in rows
        if row.record is not None
        for each in _per_design(read_record(cast("CellKind", row.kind), row.record), axes)
    ]
    latencies = [each for each in records if isinstance(each, LatencyRecord)]
    stored = {key: value for key, value in provenance.items() if isinstance(value, str)}
    return Results(
        provenance={**stored, **plan_facts(axes), **load_facts(latencies)},
        latencies=latencies,
        accuracies=[each for each in records if isinstance(each, AccuracyRecord)],
        leaks=[each for each in records if isinstance(each, LeakRecord)],
        profiles=[each for each in records if isinstance(each, ProfileRecord)],
        failures=[Failure(row.name, row.error) for row in rows if row.record is None],
        scales=[each for each in records if isinstance(each, ScaleRecord)],
        training_sets=[each for each in records if isinstance(each, TrainingSetRecord)],
    )


def _per_design(record: CellRecord, axes: Axes) -> Iterator[CellRecord]:
    """The record for each design or link that shares it."""
    if isinstance(record, LatencyRecord) and not record.link:
        yield from (_alone(record, link) for link in axes.links)
    elif isinstance(record, AccuracyRecord | LeakRecord):
        design = record.design
        codecs = [codec for codec in axes.codecs if lossless(codec) == design.codec] or [design.codec]
        yield from (dataclasses.replace(record, design=dataclasses.replace(design, codec=codec)) for codec in codecs)
    elif isinstance(record, TrainingSetRecord):
        designs = (*axes.designs(), *axes.remote(), *axes.whole())
        yield from (dataclasses.replace(record, design=each) for each in designs if each.target == record.design.target)
    else:
        yield record


def _alone(record: LatencyRecord, link: str) -> LatencyRecord:
    """The whole model over a link with a slower edge: it only computes, so it takes ``slowdown`` times as long."""
    slower = emulated_link(link).slowdown
    stages = {name: taken.times(slower) for name, taken in record.stages.items()}
    interval = record.interval and (slower * record.interval[0], slower * record.interval[1])
    return dataclasses.replace(record, link=link, stages=stages, total=record.total.times(slower), interval=interval)
