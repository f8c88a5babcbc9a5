"""Plots of losses, and of scores over a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from keyhole.attacks import FLOOR
from keyhole.evaluation.scores import EvaluationRow
from keyhole.evaluation.yardstick import Floor
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import arms
from keyhole.presentation.attacks import colour


def loss_curves(curves: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Loss by step, a line for each cut; as Fig. 12 and 20 (a) of the feature-inversion paper.

    Args:
        curves: name → losses. Where none is negative the axis is logarithmic.
        title: of the plot.
    """
    figure = Figure((6.4, 4), layout="constrained", dpi=150)
    axes = figure.add_subplot(title=title, xlabel="step", ylabel="loss")
    for name, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, linewidth=1.2, label=name)
    if all(loss > 0 for losses in curves.values() for loss in losses):
        axes.set_yscale("log")
    axes.legend(frameon=False)
    return figure


def scores_over(
    setting: str, points: Mapping[int, Sequence[EvaluationRow]], metrics: Sequence[Metric], floor: Floor
) -> Figure:
    """Each metric with its 95 % intervals over a setting, a line for each cut; as Table 3 and Fig. 20 (b).

    Args:
        setting: its name.
        points: value → rows, of the same cuts each.
        metrics: a panel each.
        floor: what the blind attacker gets, a dashed line.
    """
    figure = Figure((4.5 * len(metrics), 4), layout="constrained", dpi=150)
    names = [row.name for row in next(iter(points.values()))]
    for place, metric in enumerate(metrics, 1):
        axes = figure.add_subplot(1, len(metrics), place, xlabel=setting, ylabel=metric.label)
        for at, name in enumerate(names):
            means = [rows[at].mean(metric.name) for rows in points.values()]
            bars = zip(*(arms(m.mean, m.interval) for m in means), strict=True)
            axes.errorbar(list(points), [m.mean for m in means], list(bars), capsize=3, label=name)
        level = floor.mean(floor.best(metric), metric).mean
        axes.axhline(level, color=colour(FLOOR), linestyle="--", linewidth=1.2, label="blind attacker")
        axes.legend(frameon=False)
    return figure
