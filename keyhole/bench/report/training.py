"""What leaks of training sets: beside what leaks of pictures, as a chart over all targets, and attack by attack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.advice.training import TrainingLeak, class_mean
from keyhole.bench.records import REAL, TrainingSetRecord
from keyhole.bench.report.cells import MISSING, Cell, ReportTable, number, percentage
from keyhole.bench.report.leakage import Leakage, by_metric, headline
from keyhole.bench.report.looks import BLIND, LIMIT, Looks
from keyhole.bench.report.view import TargetView
from keyhole.metrics.interval import Interval
from keyhole.metrics.registry import METRICS
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Level, Mark

GUESSING, PUBLIC = "guessing a class", "public pictures alone"
_READING = (
    "Each mark is a design. Further left, less is seen of the pictures that cross. Further down, less is seen of whom "
    "the model was trained on, by whoever holds its weights: a judge that is no network under attack recognises so "
    "many of the pictures that the strongest attack makes of its classes. What is done to features at run time is no "
    "part of the weights and leaves a design at its height. Bars are 95 % intervals, over pictures and over classes."
)
_HEADINGS = (
    *("design", "attack", "knows", "judge, top 1, %", "judge, top 5, %"),
    *("evaluator, top 1, %", "verified, %", "the model itself, %", "classes", "s a picture"),
)
_FIGURES = ("top1", "top5", "evaluator_top1", "verified", "target_confidence")


def both_leaks(views: Sequence[TargetView], limit: float | None = None) -> Iterator[Chart]:
    """The leak of pictures against that of the training set, every design of every target; none where no classes were
    attacked.

    Args:
        views: of the targets.
        limit: the share of a training set that may be recognised at most; None: any.
    """
    shown = [
        (view, option, option.training) for view in views for option in view.options if option.training is not None
    ]
    concerned = [view for view in views if any(view is other for other, _, _ in shown)]
    measures = _measures(concerned)
    placed = [
        (_name(view, option, concerned), option, _mark(view, measures[view.target], option, leak, concerned))
        for view, option, leak in shown
        if measures[view.target].read(option)
    ]
    if not placed:
        return
    looks = Looks.of(
        (name for name, option, _ in placed if option.splits),
        (option.design.codec for _, option, _ in placed if option.splits),
    )
    axes = [measures[view.target].axis for view in concerned]
    panel = ChartPanel(
        "training set against picture",
        max(axes, key=lambda axis: max(axis.span)),
        ChartAxis("training classes recognised, %", (-4.0, 104.0)),
        levels=tuple(_levels([leak for _, _, leak in shown], measures[concerned[0].target], limit)),
        dots=(
            *looks.dots((name, option.design.codec, mark) for name, option, mark in placed if option.splits),
            *looks.whole(mark for _, option, mark in placed if not option.splits),
        ),
    )
    yield Chart("both-leaks", "Training set against picture", _READING, (panel,), looks.keys([panel]), height=440)


def _measures(views: Sequence[TargetView]) -> dict[str, Leakage]:
    """What is told of the pictures of each target: thumbnails where all have a scale, else SSIM."""
    scaled = all(view.scale for view in views)
    return {view.target: headline(view) if scaled else by_metric(view, METRICS["ssim"]) for view in views}


def _name(view: TargetView, option: Option, views: Sequence[TargetView]) -> str:
    """An entry of the key: the defence, with the target's name where there are several."""
    defence = option.design.defence
    if len(views) == 1:
        return defence
    return view.target if defence == UNDEFENDED else f"{view.target}, {defence}"


def _mark(view: TargetView, measure: Leakage, option: Option, leak: TrainingLeak, views: Sequence[TargetView]) -> Mark:
    read = measure.read(option)
    assert read, "only those are drawn"
    facts = view.facts(option)
    return Mark(
        read[0],
        100 * leak.mean,
        (view.target, *facts) if len(views) > 1 else facts,
        option.design.cut,
        not option.splits,
        across=read[1],
        up=_percent(leak.interval),
        link=view.pictures.get(option.design, ""),
    )


def _levels(leaks: Sequence[TrainingLeak], measure: Leakage, limit: float | None) -> Iterator[Level]:
    """What needs no attack; of several targets the most."""
    yield Level(GUESSING, "y", 100 * max(leak.guessing for leak in leaks), "dotted")
    if public := [leak.public.mean for leak in leaks if leak.public]:
        yield Level(PUBLIC, "y", 100 * max(public))
    if limit is not None:
        yield Level(LIMIT, "y", 100 * limit, "solid")
    if measure.blind is not None:
        yield Level(BLIND, "x", measure.blind, "dotted")


def training_table(name: str, options: Sequence[Option], records: Sequence[TrainingSetRecord]) -> ReportTable:
    """A row for each attack on the classes of a target, each row of public pictures and the real ones.

    Args:
        name: of the target, as part of an element's name.
        options: of one target, those under trained defences among them.
        records: of all targets.
    """
    alone = {option.design: option.design.defence for option in options if option.alone}
    mine = [record for record in records if record.design in alone]
    rows = tuple(
        (
            Cell(alone[record.design]),
            Cell(f"{record.attack} pictures" if record.attack == REAL else record.attack),
            Cell("public pictures alone" if record.floor else record.knowledge or MISSING),
            *(percentage(class_mean(record, figure)) for figure in _FIGURES),
            Cell(str(len(record.classes)), value=len(record.classes)),
            number(None if record.attack == REAL else record.seconds, 2),
        )
        for record in sorted(mine, key=by_strength)
    )
    return ReportTable(f"training-{name}", _HEADINGS, rows, 3)


def by_strength(record: TrainingSetRecord) -> tuple[str, int, float]:
    """Key that sorts by design; attacks before public pictures and these before the real ones, the strongest first."""
    found = class_mean(record)
    return record.design.defence, record.floor + 2 * (record.attack == REAL), -found.mean if found else 0.0


def _percent(interval: Interval | None) -> Interval | None:
    return interval and (100 * interval[0], 100 * interval[1])
