"""Charts as interactive plots in a page of HTML, by plotly; ``report.js`` draws them in the browser."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from keyhole.metrics.interval import Interval, arms
from keyhole.presentation.charts.chart import INK, Chart, ChartAxis, ChartPanel, Curve, Dash, Dots, Symbol
from keyhole.presentation.charts.labels import FONT, placed

SYMBOLS: Mapping[Symbol, str] = MappingProxyType(
    {
        "circle": "circle",
        "square": "square",
        "triangle": "triangle-up",
        "diamond": "diamond",
        "down": "triangle-down",
        "cross": "x",
        "plus": "cross",
        "star": "star",
    }
)
OUTLINES: Mapping[Symbol, str] = MappingProxyType(
    {
        "circle": "M6 2a4 4 0 1 0 0.01 0z",
        "square": "M2.5 2.5h7v7h-7z",
        "triangle": "M6 2l4.5 8h-9z",
        "diamond": "M6 1l5 5-5 5-5-5z",
        "down": "M6 10l4.5-8h-9z",
        "cross": "M3 1.5l3 3 3-3 1.5 1.5-3 3 3 3-1.5 1.5-3-3-3 3L1.5 9l3-3-3-3z",
        "plus": "M4.7 1.5h2.6v3.2h3.2v2.6H7.3v3.2H4.7V7.3H1.5V4.7h3.2z",
        "star": "M6 0.8l1.5 3.6 3.9 0.3-3 2.5 1 3.8L6 9l-3.4 2 1-3.8-3-2.5 3.9-0.3z",
    }
)
"""Paths of SVG that draw the symbols in a box of 12×12."""
STROKES: Mapping[Dash, str] = MappingProxyType({"solid": "none", "dashed": "6 4", "dotted": "2 3"})
"""The dashes of SVG."""
_DASHES: Mapping[Dash, str] = MappingProxyType({"solid": "solid", "dashed": "6px,4px", "dotted": "2px,3px"})
_LINE, _GRID, _ALLOWED = "rgba(128,128,128,0.9)", "rgba(128,128,128,0.18)", "rgba(47,174,125,0.13)"
_ANCHORS = {-1: "right", 0: "center", 1: "left"}
_HEIGHTS = {-1: "top", 0: "middle", 1: "bottom"}


def library() -> str:
    """The source of plotly.js, as a page embeds it once."""
    return str(get_plotlyjs())


def figures(chart: Chart) -> list[str]:
    """A figure of plotly for each panel, as JSON that may stand in a page's script element."""
    return [_figure(panel, chart).to_json().replace("<", "\\u003c") for panel in chart.panels]


def _figure(panel: ChartPanel, chart: Chart) -> go.Figure:
    figure = go.Figure(data=list(_traces(panel)))
    figure.update_layout(
        template=go.layout.Template(),
        height=chart.height + 20,
        margin={"l": 62, "r": 14, "t": 34 if panel.title else 12, "b": 48},
        title={"text": html.escape(panel.title), "x": 0, "xref": "paper", "font": {"size": 14}},
        font={"size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        barmode="overlay",
        hovermode="closest",
        hoverlabel={"align": "left"},
        dragmode="zoom",
        shapes=list(_shapes(panel)),
        annotations=list(_annotations(panel)),
        xaxis=_axis(panel.x),
        yaxis=_axis(panel.y),
    )
    return figure


def _axis(axis: ChartAxis) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": {"text": html.escape(axis.title), "standoff": 8},
        "range": list(axis.span),
        "gridcolor": _GRID,
        "zeroline": False,
        "linecolor": _LINE,
        "showline": True,
        "automargin": True,
    }
    if axis.ticks:
        texts = [html.escape(text) for _, text in axis.ticks]
        shown |= {"tickmode": "array", "tickvals": [place for place, _ in axis.ticks], "ticktext": texts}
    return shown


def _traces(panel: ChartPanel) -> Iterator[go.Scatter | go.Bar]:
    for curve in panel.curves:
        yield _curve(curve)
    for bars in panel.bars:
        yield go.Bar(
            name=bars.name,
            orientation="h",
            y=bars.places,
            x=bars.lengths,
            base=bars.starts,
            marker={"color": bars.colour},
            hovertemplate=f"{html.escape(bars.name)}: %{{x:.3g}}<extra></extra>",
            meta=[bars.name],
        )
    for dots in panel.dots:
        yield _dots(dots)


def _curve(curve: Curve) -> go.Scatter:
    return go.Scatter(
        name=curve.name,
        x=[x for x, _ in curve.points],
        y=[y for _, y in curve.points],
        mode="lines",
        line={
            "color": curve.colour,
            "width": 1.5,
            "dash": _DASHES[curve.dash],
            "shape": "hv" if curve.stepped else "linear",
        },
        opacity=0.7,
        hoverinfo="skip",
        meta=[curve.name],
    )


def _dots(dots: Dots) -> go.Scatter:
    marks = dots.marks
    return go.Scatter(
        name=", ".join(dots.names),
        x=[mark.x for mark in marks],
        y=[mark.y for mark in marks],
        mode="markers",
        marker={"color": dots.colour, "symbol": SYMBOLS[dots.symbol], "size": 9, "opacity": 0.9},
        error_x=_arms([mark.x for mark in marks], [mark.across for mark in marks], dots.colour),
        error_y=_arms([mark.y for mark in marks], [mark.up for mark in marks], dots.colour),
        hovertext=["<br>".join(html.escape(fact) for fact in mark.facts) for mark in marks],
        hovertemplate="%{hovertext}<extra></extra>",
        customdata=[mark.link for mark in marks],
        cliponaxis=False,
        meta=list(dots.names),
    )


def _arms(middles: list[float], ends: list[Interval | None], colour: str) -> dict[str, Any]:
    pairs = [arms(middle, end) for middle, end in zip(middles, ends, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "arrayminus": [down for down, _ in pairs],
        "array": [up for _, up in pairs],
        "color": colour,
        "thickness": 1,
        "width": 0,
        "visible": any(ends),
    }


def _shapes(panel: ChartPanel) -> Iterator[dict[str, Any]]:
    for region in panel.regions:
        (left, right), (low, high) = region.within(panel.x, panel.y)
        yield {
            **{"type": "rect", "x0": left, "x1": right, "y0": low, "y1": high},
            **{"fillcolor": _ALLOWED, "line": {"width": 0}, "layer": "below"},
        }
    for level in panel.levels:
        other = "y" if level.on == "x" else "x"
        yield {
            **{"type": "line", f"{level.on}0": level.at, f"{level.on}1": level.at},
            **{f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper"},
            "line": {"color": _LINE, "width": 1.2, "dash": _DASHES[level.dash]},
        }


def _annotations(panel: ChartPanel) -> Iterator[dict[str, Any]]:
    for label in placed(panel):
        yield {
            **{"x": label.mark.x, "y": label.mark.y, "text": html.escape(label.mark.label), "showarrow": False},
            **{"xanchor": _ANCHORS[label.right], "yanchor": _HEIGHTS[label.up]},
            **{"xshift": 5 * label.right, "yshift": 5 * label.up, "font": {"size": FONT}, "borderpad": 0},
            "name": json.dumps(label.names),
        }
