"""The commands `keyhole attack` and `keyhole ablation`: how much attacks see, by cut or over one setting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ATTACKS, ChosenAttack, choose, choose_all
from keyhole.defences import spelled
from keyhole.evaluation.learning import goes_on, learn_once
from keyhole.evaluation.report import (
    INTERVALS,
    by_picture,
    column_title,
    document,
    loss_curves,
    scores_over,
    stacked,
    summary,
    table,
)
from keyhole.evaluation.run import Evaluation, evaluate
from keyhole.evaluation.scores import EvaluationRow
from keyhole.evaluation.settings import AblationSettings, AttackSettings, OfflineSettings, check_ablation, check_attack
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean
from keyhole.metrics.registry import metrics_named
from keyhole.presentation.contact_sheet import Column, contact_sheet
from keyhole.service.errors import UsageError
from keyhole.sizes import size_text
from keyhole.targets.target import NO_DEFENCE
from keyhole.terminal import progress_bar, terminal

ALL = "all"


def attack(settings: AttackSettings) -> int:
    """Attack pictures, print a table, write what was asked for.

    Raises:
        UsageError: a setting is wrong, or no such attack, recipe, prior, device, model or cut.
        FileNotFoundError: no such pictures.
    """
    check_attack(settings)
    console = terminal()
    words = _words(settings.attacks)
    choices = choose_all(words, settings.recipe, ATTACKS)
    if settings.sampling_steps and not any(choice.recipe.samples for choice in choices):
        chosen = ", ".join(choice.spelled for choice in choices)
        raise UsageError(f"--sampling-steps {settings.sampling_steps}: no sampler makes the pictures of {chosen}")
    done = evaluate(settings, choices, settings.seeds, console)
    title = _title(settings, done)
    console.print(table(title, done.rows, done.metrics))
    if settings.json:
        _in_folder(settings.json).write_text(json.dumps(document(done.run, done.rows), indent=2, default=str) + "\n")
    if settings.sheet:
        columns = {"truth": done.truths, **done.made}
        contact_sheet([Column.of(*column) for column in columns.items()]).save(_in_folder(settings.sheet))
    if settings.curves:
        curves = {f"{row.attack} {row.name}": row.losses for row in done.rows}
        loss_curves(curves, title).savefig(_in_folder(settings.curves))
    return 0


def _words(attacks: Sequence[str]) -> list[str]:
    """The attacks that the flag names; `all` becomes the list."""
    return [name for word in attacks for name in (ATTACKS if word == ALL else (word,))]


def _title(settings: OfflineSettings, done: Evaluation) -> str:
    """Target, size and defence, as the title of a table."""
    title = f"{done.target.name} at {size_text(done.target.preprocess.size)} px"
    if settings.defence == NO_DEFENCE:
        return title
    frames = f" seen in {settings.frames} frames" if settings.frames > 1 else ""
    unaware = ", unknown to the attack" if settings.unaware else ""
    return f"{title}, defence {spelled(settings.defence)}{frames}{unaware}"


def _in_folder(path: Path) -> Path:
    """The path, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True)
class Axis:
    """A setting that an ablation varies.

    Attributes:
        values: of the feature-inversion paper.
        applies: whether it changes anything for an attack by its recipe.
        needs: the attacks that it changes something for, in words.
    """

    values: tuple[int, ...]
    applies: Callable[[ChosenAttack[Recipe]], bool]
    needs: str


def _learns(choice: ChosenAttack[Recipe]) -> bool:
    return choice.recipe.learns or choice.recipe.prepares > 0


def _samples(choice: ChosenAttack[Recipe]) -> bool:
    return choice.recipe.samples


AXES: Mapping[str, Axis] = MappingProxyType(
    {
        "sampling-steps": Axis((10, 15, 20, 25, 30), _samples, "diffusion-black or diffusion-white/noise"),
        "queries": Axis((512, 1024, 2048, 4096), _learns, "…-black or recipe refined"),
        "iterations": Axis((100, 300, 600, 1500), lambda _: True, "any attack"),
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
    axis, choice = AXES[settings.over], choose(settings.attack, settings.recipe, ATTACKS)
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
    columns: list[Column] = []
    values = settings.values or axis.values
    if settings.out and settings.over == "iterations" and goes_on(choice):
        with progress_bar(console) as progress:
            learn_once(settings, choice, settings.seed, values, progress)
    for value in values:
        changed: dict[str, Any] = {field: value}
        done = evaluate(replace(settings, **changed), (choice,), (settings.seed,), console)
        points[value] = done.rows
        columns += [Column.of(f"{name} · {value}", made) for name, made in done.made.items()]
    title = f"{settings.attack} on {_title(settings, done)}"
    console.print(_table(title, settings.over, points, metrics, lead))
    if settings.json:
        gained = f"{lead.name}_gain"
        rows = [
            {
                settings.over: value,
                **summary(row),
                f"{gained}_mean": gain.mean,
                f"{gained}_ci95": gain.interval,
                "pictures": by_picture(row),
            }
            for value, row, gain in _gains(points, lead)
        ]
        text = json.dumps({**done.run, "over": settings.over, "rows": rows}, indent=2, default=str)
        _in_folder(settings.json).write_text(text + "\n")
    if settings.plot:
        scores_over(settings.over, points, metrics).savefig(_in_folder(settings.plot))
    if settings.curves:
        curves = {f"{row.name} · {value}": row.losses for value, rows in points.items() for row in rows}
        loss_curves(curves, settings.attack).savefig(_in_folder(settings.curves))
    if settings.sheet:
        contact_sheet([Column.of("truth", done.truths), *columns]).save(_in_folder(settings.sheet))
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
    title: str, over: str, points: Mapping[int, Sequence[EvaluationRow]], metrics: Sequence[Metric], lead: Metric
) -> Table:
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    first = next(iter(points))
    made.caption = f"{INTERVALS} {lead.title} above: than at {over} {first}, picture by picture."
    for heading in (over, "cut", "n", *map(column_title, metrics), f"{lead.title} above", "U-Net\npasses"):
        made.add_column(heading, justify="left" if heading == "cut" else "right", overflow="fold")
    for value, row, gain in _gains(points, lead):
        scores = (stacked(row.mean(metric.name).text(metric.digits)) for metric in metrics)
        above = "–" if value == first else stacked(gain.text(lead.digits))
        cut = row.name.replace(" ", "\n")
        made.add_row(str(value), cut, str(len(row.scores)), *scores, above, f"{row.passes:.0f}")
    made.caption_justify = "left"
    return made
