"""A stored run as records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from keyhole.bench.axes import Axes, lossless
from keyhole.bench.provenance import plan_facts
from keyhole.bench.records import Accuracy, Failure, Latency, Leak, Profile, Results
from keyhole.bench.route import route
from keyhole.bench.settings import CellKind
from keyhole.bench.store import document
from keyhole.bench.store.document import Record
from keyhole.bench.store.store import FILE, BenchStore
from keyhole.service.errors import UsageError


def open_results(run: Path) -> Results:
    """All that a run has measured so far; it may still be going on.

    What several designs share is measured once and stands here for each: a leak and an accuracy for every codec that
    loses the same, the whole model on the edge for every link, as slow as the edge is there.

    Args:
        run: folder that `keyhole bench` wrote.

    Raises:
        UsageError: there is no run, or one of another version.
    """
    if not (run / FILE).is_file():
        raise UsageError(f"no run of `keyhole bench` at {run}: expected {FILE} in it")
    store = BenchStore(run)
    try:
        axes, rows, about = store.axes(), store.cells(), store.about()
    finally:
        store.close()
    records = [
        shared
        for row in rows
        if row.record is not None
        for shared in _shared(document.record(cast("CellKind", row.kind), row.record), axes)
    ]
    return Results(
        about={**{key: value for key, value in about.items() if isinstance(value, str)}, **plan_facts(axes)},
        latencies=[each for each in records if isinstance(each, Latency)],
        accuracies=[each for each in records if isinstance(each, Accuracy)],
        leaks=[each for each in records if isinstance(each, Leak)],
        profiles=[each for each in records if isinstance(each, Profile)],
        failures=[Failure(row.name, row.error) for row in rows if row.record is None],
    )


def _shared(record: Record, axes: Axes) -> Iterator[Record]:
    """The record for each design or link that shares it."""
    if isinstance(record, Latency) and not record.link:
        yield from (_alone(record, link) for link in axes.links)
    elif isinstance(record, Accuracy | Leak):
        design = record.design
        codecs = [codec for codec in axes.codecs if lossless(codec) == design.codec] or [design.codec]
        yield from (replace(record, design=replace(design, codec=codec)) for codec in codecs)
    else:
        yield record


def _alone(record: Latency, link: str) -> Latency:
    """What computes all of the time takes a slower edge exactly so many times as long."""
    slower = route(link).slowdown
    stages = {name: taken.times(slower) for name, taken in record.stages.items()}
    return replace(record, link=link, stages=stages, total=record.total.times(slower))
