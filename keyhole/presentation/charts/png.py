"""Charts as PNG files, by matplotlib, on white."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from keyhole.metrics.interval import arms
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Dash, Dots, Key, Mark, Symbol
from keyhole.presentation.charts.labels import FONT, placed
from keyhole.presentation.plots import STYLE

_MARKERS: Mapping[Symbol, str] = MappingProxyType(
    {
        "circle": "o",
        "square": "s",
        "triangle": "^",
        "diamond": "D",
        "down": "v",
        "cross": "X",
        "plus": "P",
        "star": "*",
    }
)
_LINES: Mapping[Dash, Any] = MappingProxyType({"solid": "-", "dashed": (0, (5, 4)), "dotted": ":"})
_DPI, _ACROSS, _WIDTH = 110, 3, 10.0
_POINTS = 72 / _DPI  # of a pixel
_STYLE = {**STYLE, "font.size": 9}


def png(chart: Chart) -> bytes:
    """The chart as the bytes of a PNG file."""
    page = io.BytesIO()
    with rc_context(_STYLE):
        drawn(chart).savefig(page, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return page.getvalue()


def drawn(chart: Chart) -> Figure:
    """The chart as a figure of matplotlib: panels row by row, three a row at most, the key above."""
    across = min(len(chart.panels), _ACROSS)
    rows = -(-len(chart.panels) // across)
    figure = Figure((_WIDTH, (chart.height * rows + 40) / _DPI), layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, across, squeeze=False).flat)
    for area, panel in zip(axes, chart.panels, strict=False):
        _panel(area, panel)
    for spare in axes[len(chart.panels) :]:
        spare.remove()
    if chart.keys:
        figure.legend(handles=[_handle(key) for key in chart.keys], loc="outside upper left", ncols=5, frameon=False)
    return figure


def _panel(area: Axes, panel: ChartPanel) -> None:
    area.grid(axis="both")
    area.set_axisbelow(True)
    area.set_title(panel.title, fontsize=10, loc="left")
    for axis, side, span in ((panel.x, area.xaxis, area.set_xlim), (panel.y, area.yaxis, area.set_ylim)):
        span(*axis.span)
        _ticks(side, axis)
    area.set_xlabel(panel.x.title)
    area.set_ylabel(panel.y.title)
    for region in panel.regions:
        (left, right), (low, high) = region.within(panel.x, panel.y)
        area.fill_between([left, right], low, high, color=_REGION, linewidth=0, alpha=0.12)
    for level in panel.levels:
        line = area.axvline if level.on == "x" else area.axhline
        line(level.at, linestyle=_LINES[level.dash], color=STYLE["text.color"], linewidth=1, alpha=0.6)
    for curve in panel.curves:
        style = "steps-post" if curve.stepped else "default"
        area.plot(
            *zip(*curve.points, strict=True),
            linestyle=_LINES[curve.dash],
            drawstyle=style,
            color=curve.colour,
            linewidth=1.2,
            alpha=0.7,
        )
    for bars in panel.bars:
        area.barh(bars.places, bars.lengths, left=bars.starts, color=bars.colour)
    for dots in panel.dots:
        for mark in dots.marks:
            _dot(area, dots, mark)
    for label in placed(panel):
        area.annotate(
            label.mark.label,
            (label.mark.x, label.mark.y),
            xytext=(4 * label.right * _POINTS, 4 * label.up * _POINTS),
            textcoords="offset points",
            fontsize=FONT * _POINTS,
            ha={-1: "right", 0: "center", 1: "left"}[label.right],
            va={-1: "top", 0: "center", 1: "bottom"}[label.up],
        )


_REGION = "#2fae7d"


def _dot(area: Axes, dots: Dots, mark: Mark) -> None:
    area.errorbar(
        mark.x,
        mark.y,
        [[arm] for arm in arms(mark.y, mark.up)],
        [[arm] for arm in arms(mark.x, mark.across)],
        fmt=_MARKERS[dots.symbol],
        color=dots.colour,
        markersize=5,
        alpha=0.85,
        elinewidth=0.8,
        clip_on=False,
    )


def _ticks(side: Any, axis: ChartAxis) -> None:
    if axis.ticks:
        side.set_ticks([place for place, _ in axis.ticks], [text for _, text in axis.ticks])


def _handle(key: Key) -> Patch | Line2D:
    if key.symbol is None and key.dash is None:
        return Patch(color=key.colour, label=key.name, linewidth=0)
    marker = _MARKERS[key.symbol] if key.symbol else ""
    line: Any = _LINES[key.dash] if key.dash else ""
    return Line2D([], [], color=key.colour, marker=marker, linestyle=line, markersize=5, label=key.name)
