"""The style of plots, as SVG that takes the colour of the text around it."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def wide_axes() -> tuple[Figure, Axes]:
    """A figure as wide as a page, with room for a legend above; to be called under `STYLE`."""
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
