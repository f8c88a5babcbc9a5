"""Charts of leak against latency over each link: the Pareto front, what is allowed, what a blind attacker gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.records import Design
from keyhole.bench.report.columns import secret_names
from keyhole.bench.report.leakage import Leakage, Reading, by_metric, by_secret, headline
from keyhole.bench.report.looks import ALLOWED, BLIND, LIMIT, Looks
from keyhole.bench.report.view import TargetView
from keyhole.metrics.registry import METRICS
from keyhole.presentation.charts.chart import INK, Chart, ChartAxis, ChartPanel, Curve, Level, Mark, Region, from_zero

T = TypeVar("T")
Point = tuple[float, Reading, Option]
"""Median milliseconds, leak, and whose they are."""
FRONT = "front of the splits"


def tradeoffs(view: TargetView) -> Iterator[Chart]:
    """What leaks against latency, as thumbnails and by SSIM, then each secret, as far as both were measured."""
    leak, ssim = headline(view), by_metric(view, METRICS["ssim"])
    yield from _chart(
        view,
        [leak],
        "leak",
        "What leaks against latency",
        "Each mark is a way to split: further left is faster, further down gives less of the picture away. Bars are "
        "95 % intervals; the line joins the splits that no other split beats in both.",
    )
    if leak.name != ssim.name:
        yield from _chart(
            view,
            [ssim],
            "leak-ssim",
            "SSIM of what leaks against latency",
            "The same by SSIM, which is 1 for the picture itself and, on these pictures, as much as the dotted line "
            "for an attacker who has seen no frame.",
        )
    yield from _chart(
        view,
        [by_secret(view, name) for name in secret_names(view.options)],
        "secrets",
        "Secrets recovered against latency",
        "The same with the share of a secret that a judge reads right from the strongest attack's reconstructions: "
        "1 is all; on the dotted line nothing leaks.",
    )


def _chart(view: TargetView, measures: Sequence[Leakage], name: str, title: str, reading: str) -> Iterator[Chart]:
    looks = Looks.of((each.design.defence for each in view.splits), (each.design.codec for each in view.splits))
    panels = tuple(
        _panel(view, link, measure, looks)
        for measure in measures
        for link in view.links
        if any(option.splits for _, _, option in _points(view, link, measure))
    )
    if panels:
        yield Chart(name, title, reading, panels, looks.keys(panels))


def _points(view: TargetView, link: str, measure: Leakage) -> list[Point]:
    found = ((option.p50(link), measure.read(option), option) for option in view.options)
    return [(p50, leak, option) for p50, leak, option in found if p50 is not None and leak is not None]


def _panel(view: TargetView, link: str, measure: Leakage, looks: Looks) -> ChartPanel:
    points = _points(view, link, measure)
    front = _front(points, measure)
    named = {option.design for _, _, option in front}
    slowest = view.limits.latency
    region = Region(ALLOWED, (None, slowest), (None, measure.limit))
    levels = [
        *([Level(LIMIT, "y", measure.limit)] if measure.limit is not None else []),
        *([Level(LIMIT, "x", slowest)] if slowest is not None else []),
        *([Level(BLIND, "y", measure.blind, "dotted")] if measure.blind is not None else []),
    ]
    return ChartPanel(
        f"{measure.title} over {link}",
        ChartAxis(f"p50 over {link}, ms", from_zero(_slowest(option, link, p50) for p50, _, option in points)),
        measure.axis,
        regions=(region,) if measure.limit is not None or slowest is not None else (),
        levels=tuple(levels),
        curves=(Curve(FRONT, INK, tuple((p50, leak[0]) for p50, leak, _ in front), stepped=True),),
        dots=(
            *looks.dots(
                (option.design.defence, option.design.codec, _mark(view, link, (p50, leak, option), named))
                for p50, leak, option in points
                if option.splits
            ),
            *looks.whole(_mark(view, link, point, named) for point in points if not point[2].splits),
        ),
    )


def _slowest(option: Option, link: str, p50: float) -> float:
    """The upper end of a median's interval, or the median where it has none."""
    interval = option.p50_interval(link)
    return interval[1] if interval else p50


def front_over(view: TargetView, link: str, measure: Leakage) -> list[Option]:
    """The splits that no other split beats in latency over a link and in what leaks."""
    return [option for _, _, option in _front(_points(view, link, measure), measure)]


def _front(points: Sequence[Point], measure: Leakage) -> list[Point]:
    splits = [point for point in points if point[2].splits]
    return pareto_front(splits, lambda point: (point[0], _cost(point[1], measure)))


def _mark(view: TargetView, link: str, point: Point, front: set[Design]) -> Mark:
    p50, (leak, interval), option = point
    first = option.design in front or not option.splits
    named = first or option.design.defence == UNDEFENDED
    return Mark(
        p50,
        leak,
        view.facts(option),
        option.design.cut if named else "",
        first,
        across=option.p50_interval(link),
        up=interval,
        link=view.pictures.get(option.design, ""),
    )


def _cost(leak: Reading, measure: Leakage) -> float:
    low, high = measure.axis.span
    return leak[0] if low < high else -leak[0]


def pareto_front(points: Iterable[T], costs: Callable[[T], tuple[float, float]]) -> list[T]:
    """Points for which no other one is as low in both costs and lower in one, by rising first cost.

    Of equals all are kept.

    >>> pareto_front([(1, 5), (2, 2), (3, 3), (2, 2)], lambda point: point)
    [(1, 5), (2, 2), (2, 2)]
    """
    kept: list[T] = []
    for point in sorted(points, key=costs):
        if not kept or costs(point)[1] < costs(kept[-1])[1] or costs(point) == costs(kept[-1]):
            kept.append(point)
    return kept
