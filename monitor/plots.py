"""The report's plots, as SVG that takes the colour of the text around it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monitor import attacks, stages
from monitor.history import LastScore, Timed

INK = "#010203"
"""In the place of the colour of the text."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "keyhole",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": INK,
    "grid.alpha": 0.12,
}
_BARS, _DOTS = 60, 500


def scores_over_time(scores: Sequence[LastScore], quantity: str, label: str, threshold: float | None = None) -> str:
    """A dot for each frame and attack, of many frames for at most 500 evenly spaced ones, and each attack's mean.

    Args:
        scores: the scores that count.
        quantity: "psnr" or "ssim".
        label: of the vertical axis.
        threshold: drawn as a dashed line, where there is one.
    """
    with rc_context(STYLE):
        figure, axes = _axes()
        start = min(score.at for score in scores)
        for name in attacks.in_order(score.attack for score in scores):
            points = [(score.at - start, getattr(score, quantity)) for score in scores if score.attack == name]
            mean = sum(value for _, value in points) / len(points)
            times, values = zip(*points[:: -(-len(points) // _DOTS)], strict=True)
            axes.plot(times, values, "o", markersize=4.5, alpha=0.75, color=attacks.colour(name), label=name)
            axes.axhline(mean, linewidth=1.6, color=attacks.colour(name))
        if threshold is not None:
            axes.axhline(threshold, linestyle=(0, (5, 4)), linewidth=1, color=INK, alpha=0.6)
            axes.set_ylim(min(0.0, *axes.get_ylim()), 1)
        axes.set_xlabel("seconds since the first score")
        axes.set_ylabel(label)
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)


def latency_by_stage(frames: Sequence[Timed]) -> str:
    """Stacked bars of milliseconds by stage; many frames are averaged in groups of equal number."""
    group = -(-len(frames) // _BARS)
    groups = [frames[at : at + group] for at in range(0, len(frames), group)]
    with rc_context(STYLE):
        figure, axes = _axes()
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


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 3.6))
    axes = figure.add_axes((0.075, 0.14, 0.915, 0.7))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure, axes


def svg(figure: Figure) -> str:
    """The figure as an element of a page; to be called under `STYLE`."""
    page = io.StringIO()
    figure.savefig(page, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = page.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
