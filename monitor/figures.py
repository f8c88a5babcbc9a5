"""Figures of a run's report: its contact sheet and its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from PIL import Image

from keyhole.metrics.base import Metric
from keyhole.metrics.registry import DEFAULT, METRICS
from keyhole.metrics.thumbnails import SIDES
from keyhole.presentation import attacks, stages
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet
from keyhole.presentation.plots import INK, STYLE, svg, wide_axes
from monitor.examples import ExampleFrame, ExamplePicture, Examples
from monitor.history import AnsweredFrame, LastScore
from monitor.leaks import LeakScale

_BARS, _DOTS = 60, 500
_NOTHING = 0.5
_NAME = 16


def frame_sheet(examples: Examples, titles: Mapping[str, str], leaks: LeakScale[int]) -> Image.Image:
    """A row for each frame: its truth and place, then each attack's last reconstruction with the thumbnail that it
    equals, SSIM and PSNR.
    """
    truths = [Tile.of_png(example.truth, _place(example)) for example in examples.frames]
    made = (
        Column(
            title.replace(" · ", "\n"),
            [_tile(name, example.shown.get(name), leaks) for example in examples.frames],
            attacks.colour(name),
        )
        for name, title in titles.items()
    )
    return contact_sheet([Column("Truth", truths), *made])


def _place(example: ExampleFrame) -> str:
    name = example.frame_id if len(example.frame_id) <= _NAME else f"…{example.frame_id[-_NAME:]}"
    return f"{example.place}: {name}" if example.place else name


def _tile(attack: str, shown: ExamplePicture | None, leaks: LeakScale[int]) -> Tile:
    if shown is None:
        return Tile(None, "not shown yet" if attacks.is_blind(attack) else "not attacked")
    values = [METRICS[name].caption(shown.score.values[name]) for name in reversed(DEFAULT)]
    leak = leaks.leak({shown.score.frame: shown.score.ssim})
    return Tile.of_png(shown.png, "   ".join([*([leak.thumbnail.brief] if leak else []), *values]))


def thumbnails_over_time(sides: Mapping[str, Sequence[tuple[float, float]]], threshold: float | None) -> str:
    """A dot for each frame and attack at the side of the equivalent thumbnail, each doubling as high as the next.

    Args:
        sides: by attack, Unix time in seconds and pixels; 0 is nothing.
        threshold: pixels, drawn as a dashed line, where there is one.
    """
    with rc_context(STYLE):
        figure, axes = wide_axes()
        start = min(at for points in sides.values() for at, _ in points)
        for name in attacks.in_order(sides):
            points = sides[name][:: -(-len(sides[name]) // _DOTS)]
            times, values = zip(*((at - start, max(_NOTHING, side)) for at, side in points), strict=True)
            axes.plot(times, values, "o", markersize=4.5, alpha=0.75, color=attacks.colour(name), label=name)
        if threshold is not None:
            axes.axhline(threshold, linestyle=(0, (5, 4)), linewidth=1, color=INK, alpha=0.6)
        axes.set_yscale("log", base=2)
        highest = max(axes.get_ylim()[1], 8)
        ticks = [side for side in SIDES if side <= highest and side.bit_count() == 1]
        axes.set_yticks([_NOTHING, *ticks], ["nothing", *map(str, ticks)])
        axes.set_ylim(_NOTHING * 0.85, highest)
        axes.set_xlabel("seconds since the first score")
        axes.set_ylabel("equivalent thumbnail, px")
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)


def scores_over_time(
    scores: Sequence[LastScore], metric: Metric, threshold: float | None = None, floor: float | None = None
) -> str:
    """A dot for each frame and attack, of many frames for at most 500 evenly spaced ones, and each attack's mean.

    Args:
        scores: the scores that count.
        metric: of the vertical axis; scores without a value of it are left out.
        threshold: drawn as a dashed line, where there is one.
        floor: the blind attacker's mean, drawn as a dotted line.
    """
    with rc_context(STYLE):
        figure, axes = wide_axes()
        start = min(score.at for score in scores)
        series: dict[str, list[tuple[float, float]]] = {}
        for score in scores:
            if metric.name in score.values:
                series.setdefault(score.attack, []).append((score.at - start, score.values[metric.name]))
        for name in attacks.in_order(series):
            points = series[name]
            mean = sum(value for _, value in points) / len(points)
            times, values = zip(*points[:: -(-len(points) // _DOTS)], strict=True)
            axes.plot(times, values, "o", markersize=4.5, alpha=0.75, color=attacks.colour(name), label=name)
            axes.axhline(mean, linewidth=1.6, color=attacks.colour(name))
        if threshold is not None:
            axes.axhline(threshold, linestyle=(0, (5, 4)), linewidth=1, color=INK, alpha=0.6)
        if floor is not None:
            blind = attacks.BLIND
            axes.axhline(floor, linestyle=":", linewidth=1.8, color=attacks.colour(blind), label=f"{blind}, mean")
        if metric.limits:
            axes.set_ylim(min(metric.limits[0], *axes.get_ylim()), metric.limits[1])
        axes.set_xlabel("seconds since the first score")
        axes.set_ylabel(metric.label)
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)


def latency_by_stage(frames: Sequence[AnsweredFrame]) -> str:
    """Stacked bars of milliseconds by stage; many frames are averaged in groups of equal number."""
    group = -(-len(frames) // _BARS)
    groups = [frames[at : at + group] for at in range(0, len(frames), group)]
    with rc_context(STYLE):
        figure, axes = wide_axes()
        floor = [0.0] * len(groups)
        for name in stages.parts({name for frame in frames for name in frame.stages}):
            heights = [1000 * sum(frame.stages.get(name, 0.0) for frame in some) / len(some) for some in groups]
            shown = stages.stage(name)
            top = [low + height for low, height in zip(floor, heights, strict=True)]
            axes.stairs(top, baseline=floor, fill=True, color=shown.colour, label=shown.title)
            floor = top
        axes.set_xlabel("answered frames, in order" if group == 1 else f"answered frames, in order, means of {group}")
        axes.set_ylabel("ms")
        axes.set_xticks([])
        axes.margins(x=0)
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)
