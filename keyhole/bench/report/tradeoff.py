"""Plots of leak against latency, with the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from matplotlib import rc_context
from matplotlib.axes import Axes

from keyhole.bench.advice.exposure import Exposure, SecretExposure
from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.records import EDGE_ONLY
from keyhole.bench.report.figures import PLOT_STYLE, Plot, colours, key, markers, name_marks, panels
from keyhole.metrics.interval import arms
from keyhole.presentation.plots import INK

T = TypeVar("T")
Seen = Callable[[Option], Exposure | None]


def tradeoffs(options: Sequence[Option], link: str) -> Iterator[Plot]:
    """SSIM against p50 over the link, and each secret against it, as far as both were measured."""
    seen: Seen = lambda option: option.exposure.get("ssim")  # noqa: E731
    if _points(options, link, seen):
        yield _plot(
            options,
            link,
            {"SSIM of the best attack": seen},
            name=f"leak-{link}",
            title=f"What leaks against latency over {link}",
            reading=(
                "Each mark is a way to split: further left is faster, further down gives less of the picture away "
                "(SSIM 1 is the picture itself, under 0.3 is usually called unrecognisable); the bar is the 95 % "
                "interval, and nothing measured is both faster and tighter than the marks on the line. Cuts are named "
                "beside undefended designs and those on the line."
            ),
        )
    secrets = dict.fromkeys(name for option in options for name in option.secrets)
    views: dict[str, Seen] = {f"{name}, share recovered": _secret(name) for name in secrets}
    shown = {label: view for label, view in views.items() if _points(options, link, view)}
    if shown:
        yield _plot(
            options,
            link,
            shown,
            name=f"secrets-{link}",
            title=f"Secrets recovered against latency over {link}",
            reading=(
                "As above, with the share of a secret that a judge reads right from the best attack's reconstructions "
                "(1 is all); the dotted line is what guessing gets, where nothing leaks."
            ),
        )


def _secret(name: str) -> Seen:
    return lambda option: option.secrets.get(name)


def _points(options: Sequence[Option], link: str, seen: Seen) -> list[tuple[float, Exposure, Option]]:
    found = ((option.p50(link), seen(option), option) for option in options if option.splits)
    return [(p50, exposure, option) for p50, exposure, option in found if p50 is not None and exposure]


def _plot(options: Sequence[Option], link: str, views: dict[str, Seen], name: str, title: str, reading: str) -> Plot:
    colour_of = colours(option.design.defence for option in options if option.splits)
    marker_of = markers(option.design.codec for option in options if option.splits)
    with rc_context(PLOT_STYLE):
        figure, axes = panels(len(views), height=5 if len(views) == 1 else 3.2)
        for panel, (label, seen) in zip(axes, views.items(), strict=True):
            points = _points(options, link, seen)
            for p50, exposure, option in points:
                panel.errorbar(
                    p50,
                    exposure.mean,
                    [[arm] for arm in arms(exposure.mean, exposure.interval)],
                    fmt=marker_of[option.design.codec],
                    color=colour_of[option.design.defence],
                    alpha=0.8,
                    elinewidth=0.8,
                )
            _guessing(panel, points)
            _edge_alone(panel, options, link)
            panel.set_ylim(min(0.0, *panel.get_ylim()), 1)
            _front(panel, points)
            panel.set_xlabel(f"p50 over {link}, ms")
            panel.set_ylabel(label)
        key(figure, colour_of, marker_of)
    return Plot(name, title, reading, figure)


def _front(panel: Axes, points: Sequence[tuple[float, Exposure, Option]]) -> None:
    best = pareto_front(points, lambda point: (point[0], point[1].mean))
    line = [(p50, exposure.mean) for p50, exposure, _ in best]
    panel.step(*zip(*line, strict=True), where="post", color=INK, linewidth=1, alpha=0.6)
    bare = [point for point in points if point[2].design.defence == UNDEFENDED]
    name_marks(panel, [(p50, exposure.mean, option.design.cut) for p50, exposure, option in (*best, *bare)])


def _guessing(panel: Axes, points: Sequence[tuple[float, Exposure, Option]]) -> None:
    """A dotted line where guessing a secret would stand, the best of the marks'."""
    shares = [exposure.guessing for _, exposure, _ in points if isinstance(exposure, SecretExposure)]
    if shares:
        panel.axhline(max(shares), linestyle=":", color=INK, linewidth=1, alpha=0.6)


def _edge_alone(panel: Axes, options: Sequence[Option], link: str) -> None:
    """A dashed line where the whole model on the edge would stand, if that is in sight."""
    most, alone = panel.get_xlim()[1], [option for option in options if option.design.cut == EDGE_ONLY]
    timed = [(option.design.defence, p50) for option in alone if (p50 := option.p50(link)) is not None]
    for number, (defence, p50) in enumerate(found for found in timed if found[1] <= 1.5 * most):
        panel.axvline(p50, linestyle=(0, (5, 4)), color=INK, linewidth=1, alpha=0.5)
        name = EDGE_ONLY if defence == UNDEFENDED else f"{EDGE_ONLY}, {defence}"
        place = p50, 0.98 - 0.5 * (number % 2)
        panel.annotate(name, place, xycoords=("data", "axes fraction"), fontsize=8, va="top", rotation=90)


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
