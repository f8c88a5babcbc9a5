"""Figures of the report: their panels, colours, markers and files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keyhole.bench.advice.options import UNDEFENDED
from keyhole.presentation import plots
from keyhole.presentation.plots import INK

_GREY = "#8d99ae"
_COLOURS = (
    *("#e8901a", "#3d9be0", "#2fae7d", "#a371f7", "#e0567a", "#c2a83e", "#12a5b8", "#8a5a44"),
    *("#2f3e9e", "#7cb518", "#d63ad0", "#b3261e", "#0b6e4f", "#4a4a4a"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_ACROSS, _WIDTH = 3, 10
_APART = (50, 14)  # of two names, in dots across and up
PLOT_STYLE = {**plots.STYLE, "font.size": 10}


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure of the report.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        reading: one sentence on how to read it.
        figure: drawn.
    """

    name: str
    title: str
    reading: str
    figure: Figure

    def svg(self) -> str:
        """The plot as an SVG element of a page, in the colour of its text."""
        with rc_context(PLOT_STYLE):
            return plots.svg(self.figure)

    def png(self) -> bytes:
        """The plot as a PNG file on white."""
        page = io.BytesIO()
        with rc_context(PLOT_STYLE):
            self.figure.savefig(page, format="png", dpi=110, facecolor="white", metadata={"Software": None})
        return page.getvalue()


def colours(defences: Iterable[str]) -> dict[str, str]:
    """A colour for each defence; grey for none. With more defences than colours they come again."""
    others = cycle(_COLOURS)
    return {name: _GREY if name == UNDEFENDED else next(others) for name in dict.fromkeys(defences)}


def markers(codecs: Iterable[str]) -> dict[str, str]:
    """A marker for each codec."""
    return dict(zip(dict.fromkeys(codecs), cycle(_MARKERS), strict=False))


def panels(count: int, *, height: float = 3.2, alike: bool = False) -> tuple[Figure, Sequence[Axes]]:
    """A figure with so many panels, row by row; the same axes on all where they are ``alike``."""
    across = min(count, _ACROSS)
    rows = -(-count // across)
    figure = Figure((_WIDTH, height * rows), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, across, squeeze=False, sharex=alike, sharey=alike).flat)
    axes, spare = grid[:count], grid[count:]
    for panel in spare:
        panel.remove()
    for panel in axes:
        panel.grid(axis="both")
        panel.set_axisbelow(True)
    return figure, axes


def name_marks(panel: Axes, marks: Iterable[tuple[float, float, str]]) -> None:
    """Name marks, once all are drawn; a name that would be written over an earlier one is left out.

    Args:
        panel: that has the marks.
        marks: x, y and name, the most important first.
    """
    panel.autoscale_view()
    written: list[tuple[float, float]] = []
    for x, y, name in marks:
        across, up = panel.transData.transform((x, y))
        if all(abs(across - other) > _APART[0] or abs(up - height) > _APART[1] for other, height in written):
            panel.annotate(name, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
            written.append((across, up))


def key(figure: Figure, colour_of: Mapping[str, str], marker_of: Mapping[str, str]) -> None:
    """A legend above: a colour for each defence, a marker for each codec."""
    handles = [
        *(Line2D([], [], color=colour, marker="o", linestyle="", label=name) for name, colour in colour_of.items()),
        *(
            Line2D([], [], color=INK, marker=marker, fillstyle="none", linestyle="", label=name)
            for name, marker in marker_of.items()
        ),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=5, frameon=False)
