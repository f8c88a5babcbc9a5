"""Measures of what leaks, each as an axis with its limit and with what a blind attacker gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keyhole.bench.advice.exposure import Exposure, blind_exposure
from keyhole.bench.advice.options import Option
from keyhole.bench.records import ScaleRecord
from keyhole.bench.report.view import TargetView
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Interval
from keyhole.metrics.registry import METRICS
from keyhole.presentation.charts.chart import ChartAxis, around

_NOTHING = -2.0
"""Place of what tells no more than knowing nothing, one step below half a pixel."""
Reading = tuple[float, Interval | None]
"""Where a leak stands on its axis, with its interval."""


@dataclass(frozen=True)
class Leakage:
    """A measure of what leaks, as an axis.

    Attributes:
        name: identifier, for files.
        title: for readers.
        axis: that it is drawn on.
        read: what the strongest attack on a design got; None where that was not measured.
        limit: the most that is allowed, if that is said in this measure.
        blind: what an attacker gets who sees nothing, if that is known.
    """

    name: str
    title: str
    axis: ChartAxis
    read: Callable[[Option], Reading | None]
    limit: float | None = None
    blind: float | None = None


def headline(view: TargetView) -> Leakage:
    """The equivalent thumbnail; SSIM where the target's pictures have no scale."""
    return by_thumbnail(view.scale, view.limits.thumbnail) if view.scale else by_metric(view, METRICS["ssim"])


def by_thumbnail(scale: ScaleRecord, limit: float | None) -> Leakage:
    """The true pictures' thumbnail that the strongest attack equals; each doubling of its side is as long."""
    full = scale.thumbnails.full
    sides = [2**power for power in range(math.ceil(math.log2(full)))]
    ticks = ((_NOTHING, "nothing"), *((_place(side), str(side)) for side in sides), (_place(full), f"{full} = all"))
    axis = ChartAxis("as sharp as a thumbnail of … px", (_NOTHING - 0.4, _place(full) + 0.4), ticks)

    def read(option: Option) -> Reading | None:
        found = option.thumbnail
        return (_place(found.side), _places(found.interval)) if found else None

    return Leakage("thumbnail", "thumbnail", axis, read, None if limit is None else _place(limit), blind=_NOTHING)


def _place(side: float) -> float:
    return math.log2(side) if side else _NOTHING


def _places(interval: Interval | None) -> Interval | None:
    return interval and (_place(interval[0]), _place(interval[1]))


def by_metric(view: TargetView, metric: Metric) -> Leakage:
    """A metric of pictures; the axis is turned so that the leak rises along it."""
    found = [exposure.mean for option in view.splits if (exposure := option.exposure.get(metric.name))]
    low, high = _span(metric, found)
    span = (low, high) if metric.better == "higher" else (high, low)

    def read(option: Option) -> Reading | None:
        exposure = option.exposure.get(metric.name)
        if exposure is None and not option.splits:
            return span[option.remote], None
        return _reading(exposure, within=span)

    limit = view.limits.ssim if metric.name == "ssim" else None
    floor = blind_exposure(view.scale, metric.name, view.scale.thumbnails.count) if view.scale else None
    return Leakage(metric.name, metric.title, ChartAxis(metric.label, span), read, limit, floor.mean if floor else None)


def by_secret(view: TargetView, name: str) -> Leakage:
    """The share of a secret that a judge reads right."""
    guessing = [found.share.guessing for option in view.options if (found := option.secrets.get(name))]
    blind = max(guessing)

    def read(option: Option) -> Reading | None:
        return (blind, None) if option.alone else _reading(option.secrets.get(name))

    return Leakage(name, name, ChartAxis(f"{name}: share read right", (0.0, 1.0)), read, blind=blind)


def _reading(found: Exposure | None, within: tuple[float, float] = (-math.inf, math.inf)) -> Reading | None:
    """A mean, drawn at the axis's end where it is beyond: the PSNR of the picture itself has no bound."""
    if found is None:
        return None
    low, high = sorted(within)
    return min(max(found.mean, low), high), found.interval


def _span(metric: Metric, values: Iterable[float]) -> tuple[float, float]:
    known = [*values]
    if metric.limits is None:
        return around(known)
    return min((metric.limits[0], *known)), max((metric.limits[1], *known))
