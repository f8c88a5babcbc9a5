"""Tables of the report that fold: every design, and every attack on every design."""

from __future__ import annotations

from collections.abc import Iterable

from keyhole.bench.advice.exposure import E, picture_exposures, secret_exposures
from keyhole.bench.advice.options import metrics_of
from keyhole.bench.report import columns
from keyhole.bench.report.cells import Cell, ReportTable, evidence, mean, number, share, table
from keyhole.bench.report.view import TargetView


def designs(view: TargetView) -> ReportTable:
    """One row for each design of a target, baselines included."""
    shown = [
        *columns.design(view.pictures),
        *columns.secrets(view.options),
        *(columns.metric(metric) for metric in metrics_of(view.options)),
        columns.STRONGEST,
        columns.EVIDENCE,
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
    return table(f"designs-{view.name}", shown, view.options, words=3)


def attacks(view: TargetView) -> ReportTable:
    """One row for each attack on each design."""
    secrets = columns.secret_names(view.options)
    metrics = metrics_of(view.options)
    rows = []
    for option in view.splits:
        scores = {metric: _by_attack(picture_exposures(option.leaks, metric.name)) for metric in metrics}
        read = {name: _by_attack(secret_exposures(option.leaks, name)) for name in secrets}
        for found in picture_exposures(option.leaks, "ssim"):
            mine = [leak for leak in option.leaks if leak.attack == found.attack]
            rows.append(
                (
                    *(column.cell(option) for column in columns.design({})),
                    Cell(found.attack),
                    *(share(read[name].get(found.attack)) for name in secrets),
                    *(mean(by_attack.get(found.attack), metric.digits) for metric, by_attack in scores.items()),
                    evidence(found),
                    number(sum(leak.passes for leak in mine) / len(mine), 0),
                    number(sum(leak.seconds for leak in mine) / len(mine), 1),
                )
            )
    headings = (
        *("cut", "defence", "codec", "attack", *map(columns.secret_heading, secrets)),
        *(metric.label for metric in metrics),
        *("pictures × seeds", "U-Net passes", "s a picture"),
    )
    return ReportTable(f"attacks-{view.name}", headings, tuple(rows), 4)


def _by_attack(exposures: Iterable[E]) -> dict[str, E]:
    return {found.attack: found for found in exposures}
