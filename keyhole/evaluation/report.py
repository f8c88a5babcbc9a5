"""Reports of evaluations: tables, JSON, and plots of losses and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.evaluation.scores import EvaluationRow, Scores, average
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import LEAST, arms
from keyhole.metrics.registry import DEFAULT, METRICS, metrics_named

INTERVALS = f"In brackets the 95 % interval of the mean over pictures, from {LEAST} on."


def table(title: str, rows: Sequence[EvaluationRow], metrics: Sequence[Metric] | None = None) -> Table:
    """Means with 95 % intervals per attack and cut, above published figures where there are some of the setting.

    Args:
        title: of the table.
        rows: what was scored.
        metrics: a column each; None: PSNR and SSIM.
    """
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    compared = any(row.published for row in rows)
    eq14 = METRICS["eq14"]
    shown = dict.fromkeys((*(metrics or metrics_named(DEFAULT)), *((eq14,) if compared else ())))
    for heading in ("attack", "cut", "n", *map(column_title, shown)):
        named = heading in ("attack", "cut")
        made.add_column(heading, justify="left" if named else "right", no_wrap=named, overflow="fold")
    diffused = any(row.passes for row in rows)
    if diffused:
        made.add_column("U-Net\npasses", justify="right", no_wrap=True)
    for row in rows:
        made.add_row(
            row.attack.replace("/", "\n/"),
            row.name.replace(" ", "\n"),
            str(len(row.scores)),
            *(_mean(row, metric) for metric in shown),
            *((f"{row.passes:.0f}",) if diffused else ()),
        )
    made.caption = INTERVALS
    if eq14 in shown:
        made.caption += " Eq. 14: the paper's own PSNR, 10·ln(peak / mean absolute error)."
    seeds = max((len(row.by_seed) for row in rows), default=1)
    if seeds > 1:
        made.caption += f" Each picture counts once, with its mean over {seeds} seeds."
    made.caption_justify = "left"
    return made


def column_title(metric: Metric) -> str:
    """Heading of a metric's narrow column: ``PSNR dB``."""
    return f"{metric.title} {metric.unit}".rstrip()


def _mean(row: EvaluationRow, metric: Metric) -> str:
    """A row's mean, with the paper's figure below it where there is one."""
    figure = getattr(row.published, metric.name, None)
    paper = "" if figure is None else f"\npaper {figure:.{min(metric.digits, 2)}f}"
    return stacked(row.mean(metric.name).text(metric.digits)) + paper


def stacked(mean: str) -> str:
    """A mean with its interval below it, so that tables fit a terminal of 80 columns."""
    return mean.replace(" [", "\n[")


def document(run: dict[str, object], rows: Sequence[EvaluationRow]) -> dict[str, Any]:
    """The run and its rows with every picture's scores, for JSON."""
    return {
        **run,
        "rows": [
            {
                **summary(row),
                "published": asdict(row.published) if row.published else None,
                "pictures": by_picture(row),
                "by_seed": {seed: [_finite(one) for one in scores] for seed, scores in row.by_seed.items()},
                **({"sets_by_seed": {seed: _finite(one) for seed, one in row.sets.items()}} if row.sets else {}),
                "losses": list(row.losses),
            }
            for row in rows
        ],
    }


def summary(row: EvaluationRow) -> dict[str, Any]:
    """A row's figures over all of its pictures, for JSON."""
    return {
        **row.facts,
        "cut": row.plan.cut,
        "alias": row.plan.alias,
        "n": len(row.scores),
        **{f"{metric}_mean": mean for metric, mean in _finite(average(row.scores)).items()},
        **{f"{metric}_ci95": row.mean(metric).interval for metric in row.scores[0]},
        **(_finite(average(list(row.sets.values()))) if row.sets else {}),
        "unet_passes": row.passes,
    }


def by_picture(row: EvaluationRow) -> list[dict[str, float | None]]:
    """A row's scores picture by picture, for JSON."""
    return [_finite(scores) for scores in row.scores]


def _finite(scores: Scores) -> dict[str, float | None]:
    """Scores by name as JSON holds them: None for the infinite PSNR of a picture that is met exactly."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


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


def scores_over(setting: str, points: Mapping[int, Sequence[EvaluationRow]], metrics: Sequence[Metric]) -> Figure:
    """Each metric with its 95 % intervals over a setting, a line for each cut; as Table 3 and Fig. 20 (b).

    Args:
        setting: its name.
        points: value → rows, of the same cuts each.
        metrics: a panel each.
    """
    figure = Figure((4.5 * len(metrics), 4), layout="constrained", dpi=150)
    names = [row.name for row in next(iter(points.values()))]
    for place, metric in enumerate(metrics, 1):
        axes = figure.add_subplot(1, len(metrics), place, xlabel=setting, ylabel=metric.label)
        for at, name in enumerate(names):
            means = [rows[at].mean(metric.name) for rows in points.values()]
            bars = zip(*(arms(m.mean, m.interval) for m in means), strict=True)
            axes.errorbar(list(points), [m.mean for m in means], list(bars), capsize=3, label=name)
        axes.legend(frameon=False)
    return figure
