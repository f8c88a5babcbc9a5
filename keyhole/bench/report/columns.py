"""Columns of the report's tables: what a design is, leaks, keeps and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from keyhole.bench.advice.exposure import blind_exposure
from keyhole.bench.advice.options import Option
from keyhole.bench.measure.dfil import psnr_bound
from keyhole.bench.records import Design, ProfileRecord, ScaleRecord
from keyhole.bench.report.cells import (
    MISSING,
    NOTHING,
    Cell,
    TableColumn,
    equivalent,
    evidence,
    figure,
    mean,
    number,
    percentage,
    seen,
    share,
)
from keyhole.judge.legibility import SECRETS
from keyhole.metrics.base import Metric
from keyhole.presentation.stages import PROTECT

BLIND = "blind attacker"
Links = Mapping[Design, str]
"""Names of elements of the page that show a design's pictures."""


def design(pictures: Links) -> tuple[TableColumn, ...]:
    """What a design is; its cut leads to its pictures."""
    return (
        TableColumn("cut", lambda option: Cell(option.design.cut, link=pictures.get(option.design, ""))),
        TableColumn("defence", lambda option: Cell(option.design.defence)),
        TableColumn("codec", lambda option: Cell(option.design.codec)),
    )


def secrets(options: Iterable[Option]) -> list[TableColumn]:
    """A column for each secret that the judge was asked for."""
    return [TableColumn(secret_heading(name), _secret(name), blind=_unseen(name)) for name in secret_names(options)]


def blind_row(columns: Iterable[TableColumn], scale: ScaleRecord) -> tuple[Cell, ...]:
    """What the blind attacker has in each column, by the best of its recipes for each."""
    return tuple(column.blind(scale) for column in columns)


def secret_names(options: Iterable[Option]) -> list[str]:
    """Names of secrets that the judge was asked for: plate, driver, vehicle, then others."""
    asked = dict.fromkeys(name for option in options for name in option.secrets)
    return sorted(asked, key=lambda name: SECRETS.index(name) if name in SECRETS else len(SECRETS))


def secret_heading(name: str) -> str:
    """The heading of a secret's column."""
    return f"{name}, % (guessing)"


def thumbnail(limit: float | None = None) -> TableColumn:
    """The true pictures' thumbnail that the strongest attack equals."""
    return TableColumn(
        "thumbnail",
        lambda option: equivalent(option.thumbnail),
        lambda option: option.side,
        limit,
        lambda _: Cell(NOTHING, value=-1.0),
    )


def metric(metric: Metric, limit: float | None = None) -> TableColumn:
    """What the strongest attack got, by a metric."""
    return TableColumn(
        metric.label,
        lambda option: seen(option, mean(option.exposure.get(metric.name), metric.brief)),
        lambda option: option.leak(metric.name),
        limit,
        lambda scale: mean(blind_exposure(scale, metric.name, scale.thumbnails.count), metric.brief),
    )


def training(options: Iterable[Option], limit: float | None = None) -> list[TableColumn]:
    """What the strongest attack shows of the classes that the target was trained on, where any were attacked; who
    attacks nothing has the public pictures that the judge recognises most."""
    leaks = [option.training for option in options if option.training]
    if not leaks:
        return []
    public = max((leak.public for leak in leaks if leak.public), key=lambda found: found.mean, default=None)
    return [
        TableColumn(
            f"training set, % (guessing {100 * max(leak.guessing for leak in leaks):.1f})",
            lambda option: percentage(option.training.shown if option.training else None),
            lambda option: option.training.mean if option.training else None,
            limit,
            lambda _: percentage(public),
        )
    ]


def accuracy(options: Iterable[Option], most_lost: float | None = None) -> TableColumn:
    """Accuracy with its interval, under the name of its measure; the limit is on the points lost."""
    measures = dict.fromkeys(option.accuracy.measure for option in options if option.accuracy)
    return TableColumn(f"{' / '.join(measures) or 'accuracy'}, %", _accuracy, lambda option: option.loss, most_lost)


def latency(link: str, limit: float | None = None) -> TableColumn:
    """Median milliseconds over a link, with their interval."""

    def cell(option: Option) -> Cell:
        p50 = option.p50(link)
        return Cell(MISSING) if p50 is None else figure(p50, option.p50_interval(link), 1)

    return TableColumn(f"p50 {link}, ms", cell, lambda option: option.p50(link), limit)


def profile(heading: str, figure: Callable[[ProfileRecord], float]) -> TableColumn:
    """A figure of the profile."""
    return TableColumn(heading, lambda option: number(figure(option.profile) if option.profile else None, 1))


def _strongest(option: Option) -> Cell:
    found = option.exposure.get("ssim")
    if not option.splits:
        return Cell("none needed" if option.remote else "none helps")
    return Cell(MISSING) if found is None else Cell(found.attack if len(option.attacks) > 1 else f"only {found.attack}")


def _protecting(option: Option) -> Cell:
    """Median of what the defence takes, which no link changes but one with a slower edge: the quickest."""
    times = [found.stages[PROTECT].p50 for found in option.latencies.values() if PROTECT in found.stages]
    return number(min(times, default=None), 2)


def _secret(name: str) -> Callable[[Option], Cell]:
    return lambda option: seen(option, share(option.secrets.get(name)))


def _unseen(name: str) -> Callable[[ScaleRecord], Cell]:
    def cell(scale: ScaleRecord) -> Cell:
        found = scale.guessed(name)
        if found is None:
            return Cell(MISSING)
        return Cell(f"{100 * found.value:.1f}", f"({100 * found.guessing:.1f}) of {found.asked}", found.value)

    return cell


def _accuracy(option: Option) -> Cell:
    found = option.accuracy
    return figure(found.value, found.interval, 1) if found else Cell(MISSING)


def _dfil(option: Option) -> Cell:
    """The dFIL of a design, with the PSNR that no unbiased attacker passes."""
    found = option.profile.dfil if option.profile else None
    return Cell(MISSING) if found is None else Cell(f"{found:.3g}", f"(≤ {psnr_bound(found):.1f} dB)", found)


MEMORY = TableColumn(
    "edge memory, MiB", lambda option: number(None if option.memory is None else option.memory / 2**20, 1)
)
MACS = TableColumn(
    "edge MACs, %", lambda option: number(None if option.macs_share is None else 100 * option.macs_share, 1)
)
"""Multiply-accumulates on the edge, as a share of the whole undefended model's."""
STRONGEST = TableColumn("strongest attack", _strongest)
EVIDENCE = TableColumn("pictures × seeds", lambda option: evidence(option.exposure.get("ssim")))
LOST = TableColumn("lost", lambda option: number(option.loss, 2))
DEFENDING = TableColumn("defence, ms", _protecting)
DFIL = TableColumn("dFIL", _dfil)
PURI = TableColumn("PURI", lambda option: number(option.puri, 3))
