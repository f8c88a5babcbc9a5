"""Tables of the report that fold: every design, and every attack on every design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from keyhole.bench.advice.exposure import E, picture_exposures, secret_exposures
from keyhole.bench.advice.options import metrics_of
from keyhole.bench.records import LeakRecord, ScaleRecord
from keyhole.bench.report import columns
from keyhole.bench.report.cells import (
    MISSING,
    NOTHING,
    Cell,
    ReportTable,
    equivalent,
    evidence,
    mean,
    number,
    share,
    table,
)
from keyhole.bench.report.view import TargetView
from keyhole.metrics.base import Metric
from keyhole.metrics.thumbnails import HEADLINE


def designs(view: TargetView) -> ReportTable:
    """One row for each design of a target, baselines included."""
    shown = [
        *columns.design(view.pictures),
        *columns.secrets(view.options),
        *([columns.thumbnail()] if view.scale else []),
        *(columns.metric(metric) for metric in metrics_of(view.options)),
        columns.STRONGEST,
        columns.EVIDENCE,
        *columns.training(view.options),
        columns.accuracy(view.options),
        columns.LOST,
        *(columns.latency(link) for link in view.links),
        columns.DEFENDING,
        columns.profile("payload, KiB", lambda found: found.payload / 1024),
        columns.profile("edge parameters, k", lambda found: found.parameters / 1e3),
        columns.profile("edge MACs, M", lambda found: found.macs / 1e6),
        columns.MACS,
        columns.MEMORY,
        columns.DFIL,
        columns.PURI,
    ]
    found = table(f"designs-{view.name}", shown, view.options, words=3)
    if view.scale is None:
        return found
    blind = (Cell(columns.BLIND), *columns.blind_row(shown, view.scale)[1:])
    return replace(found, rows=(*found.rows, blind))


def attacks(view: TargetView) -> ReportTable:
    """One row for each attack on each design."""
    secrets = columns.secret_names(view.options)
    metrics = metrics_of(view.options)
    trained = any(leak.prepared for option in view.splits for leak in option.leaks)
    rows = []
    for option in view.splits:
        scores = {metric: _by_attack(picture_exposures(option.leaks, metric.name)) for metric in metrics}
        read = {name: _by_attack(secret_exposures(option.leaks, name, view.scale)) for name in secrets}
        for found in picture_exposures(option.leaks, "ssim"):
            mine = [leak for leak in option.leaks if leak.attack == found.attack]
            rows.append(
                (
                    *(column.cell(option) for column in columns.design({})),
                    Cell(found.attack),
                    *(share(read[name].get(found.attack)) for name in secrets),
                    *([equivalent(view.equivalents.of(found))] if view.equivalents else []),
                    *(mean(by_attack.get(found.attack), metric.digits) for metric, by_attack in scores.items()),
                    evidence(found),
                    number(sum(leak.passes for leak in mine) / len(mine), 0),
                    number(sum(leak.seconds for leak in mine) / len(mine), 1),
                    *([_trained(mine)] if trained else []),
                )
            )
    if view.scale:
        rows.extend((*row, *([Cell(MISSING)] if trained else [])) for row in _blind(view.scale, secrets, metrics))
    headings = (
        *("cut", "defence", "codec", "attack", *map(columns.secret_heading, secrets)),
        *(["thumbnail"] if view.scale else []),
        *(metric.label for metric in metrics),
        *("pictures × seeds", "U-Net passes", "s a picture"),
        *(["trained first"] if trained else []),
    )
    return ReportTable(f"attacks-{view.name}", headings, tuple(rows), 4)


def _trained(leaks: Sequence[LeakRecord]) -> Cell:
    """What the training before the first picture took, with the first seed of which that is known."""
    return Cell(next((leak.prepared.text for leak in leaks if leak.prepared), MISSING))


def _blind(scale: ScaleRecord, secrets: Sequence[str], metrics: Sequence[Metric]) -> Iterator[tuple[Cell, ...]]:
    """A row for each recipe of the blind attacker, which sees no design's frames."""
    for leak in scale.blind.values():
        means = (next(iter(picture_exposures([leak], metric.name)), None) for metric in metrics)
        read = (next(iter(secret_exposures([leak], name)), None) for name in secrets)
        yield (
            *(Cell(MISSING) for _ in columns.design({})),
            Cell(leak.attack),
            *map(share, read),
            Cell(NOTHING, value=-1.0),
            *(mean(found, metric.digits) for found, metric in zip(means, metrics, strict=True)),
            evidence(next(iter(picture_exposures([leak], HEADLINE)), None)),
            *(Cell(MISSING), Cell(MISSING)),
        )


def _by_attack(exposures: Iterable[E]) -> dict[str, E]:
    return {found.attack: found for found in exposures}
