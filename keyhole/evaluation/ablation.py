"""The command `keyhole ablation`: how much an attack sees over one of its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rich.table import Table

from keyhole.attacks.clip_recipes import choose_for
from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.evaluation.document import by_picture, measures, summary
from keyhole.evaluation.learning import goes_on, learn_once
from keyhole.evaluation.losses import loss_table
from keyhole.evaluation.output import in_folder, tell, title_of
from keyhole.evaluation.plots import loss_curves, scores_over
from keyhole.evaluation.report import Figures, caption, crowded, measured, passes, stacked, tabled
from keyhole.evaluation.run import evaluate
from keyhole.evaluation.scores import EvaluationRow
from keyhole.evaluation.settings import AblationSettings, check_ablation
from keyhole.evaluation.sheet import Shown, evaluation_sheet
from keyhole.evaluation.yardstick import Floor, Yardstick
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean
from keyhole.metrics.registry import metrics_named
from keyhole.service.errors import UsageError
from keyhole.terminal import progress_bar, terminal


@dataclass(frozen=True)
class Axis:
    """A setting that an ablation varies.

    Attributes:
        values: of the feature-inversion paper.
        applies: whether it changes anything for an attack by its recipe.
        needs: the attacks that it changes something for, in words.
        attack: whose setting is varied where none is named.
    """

    values: tuple[int, ...]
    applies: Callable[[ChosenAttack[Recipe]], bool]
    needs: str
    attack: str


def _learns(choice: ChosenAttack[Recipe]) -> bool:
    return choice.recipe.learns or choice.recipe.prepares > 0


def _samples(choice: ChosenAttack[Recipe]) -> bool:
    return choice.recipe.samples


AXES: Mapping[str, Axis] = MappingProxyType(
    {
        "sampling-steps": Axis(
            (10, 15, 20, 25, 30), _samples, "diffusion-black or diffusion-white/noise", "diffusion-white/noise"
        ),
        "queries": Axis((512, 1024, 2048, 4096), _learns, "…-black or recipe refined", "pixels-black"),
        "iterations": Axis((100, 300, 600, 1500), lambda _: True, "any attack", "pixels-white"),
    }
)
"""Axes by name. Steps are those of Table 3; queries end at 4096 as in Fig. 20 (b), and the text names 1024 alone."""


def ablation(settings: AblationSettings) -> int:
    """Attack pictures at every value of one setting, print a table, write what was asked for.

    Raises:
        UsageError: a setting is wrong, or the one to vary means nothing to the attack.
        FileNotFoundError: no such pictures.
    """
    check_ablation(settings)
    settings = replace(settings, attack=settings.attack or AXES[settings.over].attack)
    axis, (choice,) = AXES[settings.over], choose_for((settings.attack,), settings.recipe, settings.clip)
    if not axis.applies(choice):
        raise UsageError(
            f"--over {settings.over} changes nothing for {choice.attack} by recipe {choice.recipe_name}: "
            f"give --attack {axis.needs}"
        )
    metrics = metrics_named(settings.metrics)
    lead = _lead(metrics)
    console = terminal()
    field = settings.over.replace("-", "_")
    points: dict[int, Sequence[EvaluationRow]] = {}
    shown: list[Shown] = []
    yardstick: Yardstick | None = None
    values = settings.values or axis.values
    if settings.out and settings.over == "iterations" and goes_on(choice):
        with progress_bar(console) as progress:
            learn_once(settings, choice, settings.seed, values, progress)
    for value in values:
        changed: dict[str, Any] = {field: value}
        done = evaluate(replace(settings, **changed), (choice,), (settings.seed,), console, yardstick)
        points[value], yardstick = done.rows, done.yardstick
        shown += [
            Shown(f"{settings.over} {value} {row.plan.cut}", row, made)
            for row, made in zip(done.rows, done.made, strict=True)
        ]
    title = f"{settings.attack} on {title_of(settings, done)}"
    console.print(_table(title, settings.over, points, metrics, lead, done.yardstick.floor))
    tell(settings, [each.row for each in shown], done.yardstick, console)
    if settings.json:
        gained = f"{lead.name}_gain"
        rows = [
            {
                settings.over: value,
                **summary(row),
                f"{gained}_mean": gain.mean,
                f"{gained}_ci95": gain.interval,
                "pictures": by_picture(row),
                "losses": list(row.losses),
            }
            for value, row, gain in _gains(points, lead)
        ]
        written = {**done.run, "over": settings.over, "rows": rows, **measures(done.yardstick)}
        in_folder(settings.json).write_text(json.dumps(written, indent=2, default=str) + "\n")
    if settings.plot:
        scores_over(settings.over, points, metrics, done.yardstick.floor).savefig(in_folder(settings.plot))
    if settings.curves:
        curves = {f"{row.name} · {value}": row.losses for value, rows in points.items() for row in rows}
        console.print(loss_table(curves, "Losses, the mean over the pictures that got so far"))
        loss_curves(curves, settings.attack).savefig(in_folder(settings.curves))
    if settings.sheet:
        evaluation_sheet(shown, done.yardstick, settings.clip).save(in_folder(settings.sheet))
    return 0


def _lead(metrics: Sequence[Metric]) -> Metric:
    """The metric whose gain is printed: SSIM, or the first that each picture has."""
    scored = {metric.name: metric for metric in metrics if metric.scope == "picture"}
    if not scored:
        raise UsageError(f"--metrics {' '.join(each.name for each in metrics)}: expected one that each picture has too")
    return scored.get("ssim", next(iter(scored.values())))


def _gains(points: Mapping[int, Sequence[EvaluationRow]], lead: Metric) -> Iterator[tuple[int, EvaluationRow, Mean]]:
    """Each value, a row of it, and its lead above that of the first value at the same cut."""
    first = next(iter(points.values()))
    for value, rows in points.items():
        for row, start in zip(rows, first, strict=True):
            yield value, row, row.gain(start, lead.name)


def _table(
    title: str,
    over: str,
    points: Mapping[int, Sequence[EvaluationRow]],
    metrics: Sequence[Metric],
    lead: Metric,
    floor: Floor,
) -> Table:
    first = next(iter(points))
    starts = {row.plan.cut: row for row in points[first]}

    def above(row: EvaluationRow) -> str:
        start = starts[row.plan.cut]
        return "–" if row is start else stacked(row.gain(start, lead.name).text(lead.digits))

    every = [row for rows in points.values() for row in rows]
    columns = [*measured(every, metrics, floor), Figures(f"{lead.title} above", above, "–")]
    columns += [] if crowded(floor) else [passes()]
    labels = [((str(value), row.name.replace(" ", "\n")), row) for value, rows in points.items() for row in rows]
    made = tabled(title, (over, "cut"), labels, columns, floor)
    made.caption = f"{caption(every, floor)} {lead.title} above: than at {over} {first}, picture by picture."
    return made
