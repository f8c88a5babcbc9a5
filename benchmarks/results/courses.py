"""Charts of SSIM over a setting: a curve with intervals for each cut, and the blind attacker's level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.results.scores import Leak
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.charts.chart import (
    INK,
    ChartAxis,
    ChartPanel,
    Curve,
    Dots,
    Key,
    Level,
    Mark,
    Symbol,
    around,
)

BLIND = "blind attacker"
Looks = Mapping[str, tuple[str, Symbol]]
"""By cut, colour and symbol."""


def blind_level(leaks: Iterable[Leak]) -> float | None:
    """What the blind attacker gets of the same pictures; None where it was not scored."""
    return next((Mean.of(leak.blind[HEADLINE]).mean for leak in leaks if leak.blind), None)


def heights(leaks: Iterable[Leak]) -> ChartAxis:
    """The vertical axis on which all leaks with their intervals have room, and the blind attacker."""
    every = list(leaks)
    ends = (end for mean in (leak.mean(HEADLINE) for leak in every) for end in (mean.interval or (mean.mean,)))
    blind = blind_level(every)
    return ChartAxis("SSIM", around([*ends, *([] if blind is None else [blind])]))


def course_panel(
    title: str, across: ChartAxis, height: ChartAxis, courses: Mapping[str, Mapping[float, Leak]], looks: Looks
) -> ChartPanel:
    """A panel of an attack.

    Args:
        title: of the panel.
        across: the horizontal axis.
        height: as `heights` gives it.
        courses: by cut, leaks by place on the horizontal axis, ascending.
        looks: of the cuts.
    """
    marks = {cut: tuple(_mark(place, leak) for place, leak in leaks.items()) for cut, leaks in courses.items()}
    blind = blind_level(leak for leaks in courses.values() for leak in leaks.values())
    return ChartPanel(
        title,
        across,
        height,
        levels=() if blind is None else (Level(BLIND, "y", blind, "dotted"),),
        curves=tuple(
            Curve(cut, looks[cut][0], tuple((mark.x, mark.y) for mark in each)) for cut, each in marks.items()
        ),
        dots=tuple(Dots((cut,), *looks[cut], each) for cut, each in marks.items()),
    )


def course_keys(looks: Looks) -> tuple[Key, ...]:
    """Of the cuts and the blind attacker."""
    return (*(Key(cut, *look) for cut, look in looks.items()), Key(BLIND, INK, dash="dotted"))


def _mark(place: float, leak: Leak) -> Mark:
    found = leak.mean(HEADLINE)
    return Mark(place, found.mean, up=found.interval)
