"""The table and the plot of ``keyhole layers``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.evaluation.layers.fisher import LayerWeights
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Curve, Dots, Key, Mark, places
from keyhole.targets import Target

TASK, INVERSION = "task", "inversion"
_COLOURS = {TASK: "#3b6fb6", INVERSION: "#c1443c"}
_NAMED, _NUMBERED = 12, 40
"""Layers that have room for their names, and for their numbers."""


@dataclass(frozen=True)
class LayerRow:
    """A layer and its Fisher information.

    Attributes:
        layer: which.
        weights: how many numbers it learns.
        means: mean over them, by what it is for.
        shares: of the sum over layers, in percent.
    """

    layer: LayerWeights
    weights: int
    means: Mapping[str, float]
    shares: Mapping[str, float]


def layer_rows(target: Target, found: Sequence[LayerWeights], means: Mapping[str, Sequence[float]]) -> list[LayerRow]:
    """A row for each layer, given the means of each kind in the same order."""
    sizes = {name: parameter.numel() for name, parameter in target.model.named_parameters()}
    sums = {kind: sum(values) or 1.0 for kind, values in means.items()}
    return [
        LayerRow(
            layer,
            sum(sizes[name] for name in layer.parameters),
            {kind: values[place] for kind, values in means.items()},
            {kind: 100 * values[place] / sums[kind] for kind, values in means.items()},
        )
        for place, layer in enumerate(found)
    ]


def layers_table(target: Target, rows: Sequence[LayerRow], counts: Mapping[str, int]) -> Table:
    """The rows; ``counts`` says how many pictures each kind is of."""
    made = Table(title=f"{target.name}: Fisher information", title_justify="left", box=SIMPLE_HEAD)
    made.caption_justify = "left"
    pictures = ", ".join(f"{count} pictures for the {kind}" for kind, count in counts.items())
    made.caption = (
        f"Mean over a layer's weights of the squared gradient; share of the sum over layers, in percent; {pictures}."
        + ("" if INVERSION in counts else " For the inversion give --reconstructions, which `keyhole invert` makes.")
    )
    made.add_column("layer", overflow="fold")
    made.add_column("weights", justify="right")
    for kind in counts:
        made.add_column(kind, justify="right")
        made.add_column("%", justify="right")
    for row in rows:
        cells = [text for kind in counts for text in (f"{row.means[kind]:.2e}", f"{row.shares[kind]:.1f}")]
        made.add_row(row.layer.name, f"{row.weights:,}", *cells)
    return made


def layers_chart(rows: Sequence[LayerRow]) -> Chart:
    """Share of the Fisher information over the layers, a line for the task and one for the inversion; as Fig. 1 II of
    TL-DMI, with a logarithmic axis. A layer without any has no mark."""
    kinds = tuple(rows[0].shares)
    points = {
        kind: [(float(at), math.log10(row.shares[kind])) for at, row in enumerate(rows) if row.shares[kind] > 0]
        for kind in kinds
    }
    lowest = math.floor(min((height for line in points.values() for _, height in line), default=0.0))
    named = len(rows) <= _NAMED
    texts = [row.layer.name if named else str(number) for number, row in enumerate(rows, 1)]
    ticks = places(texts)[:: 1 + len(rows) // _NUMBERED]
    panel = ChartPanel(
        "",
        ChartAxis("layer" if named else "layer, counted from the input", (-0.5, len(rows) - 0.5), ticks),
        ChartAxis("share of the sum, %", (lowest, 2.1), tuple((at, f"{10.0**at:g}") for at in range(lowest, 3))),
        curves=tuple(Curve(kind, _COLOURS[kind], tuple(points[kind])) for kind in kinds),
        dots=tuple(
            Dots(
                (kind,),
                _COLOURS[kind],
                "circle",
                tuple(Mark(across, up, (rows[int(across)].layer.name,)) for across, up in points[kind]),
            )
            for kind in kinds
        ),
    )
    keys = tuple(Key(kind, _COLOURS[kind], "circle", "solid") for kind in kinds)
    reading = "Mean squared gradient of a layer's weights, as a share of the sum over layers."
    return Chart("layers", "What each layer matters to", reading, (panel,), keys)
