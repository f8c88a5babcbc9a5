"""``keyhole trial``: how well a target finds again who it was not trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.evaluation.reidentification import ReidentificationTrial, read_trial
from keyhole.metrics.interval import share_interval, with_interval
from keyhole.service.errors import UsageError
from keyhole.service.files import check_file
from keyhole.targets import Target, load_target
from keyhole.targets.neck import answers_with_embedding
from keyhole.terminal import terminal
from keyhole.train.settings import TrialSettings
from keyhole.train.tasks.reid_data import open_parts

_FIGURES = ("rank_1", "rank_5", "mAP", "mINP")


def trial(settings: TrialSettings) -> int:
    """Measure, print, write what was asked for; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: the target answers with classes, or the data does not suffice.
    """
    check_file("--json", settings.json)
    target = load_target(settings.target, settings.weights, size=settings.size)
    if not answers_with_embedding(target.model):
        raise UsageError(f"{target.name} answers with classes: a trial is of a target of re-identification")
    found = {name: {**each.counts, **_figures(each, target)} for name, each in _trials(settings, target).items()}
    terminal().print(_table(target.name, found))
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        document = {"target": target.name, "model_hash": target.hash, "data": settings.data, **found}
        settings.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def _trials(settings: TrialSettings, target: Target) -> dict[str, ReidentificationTrial]:
    """By name, what is reported and what may be chosen by, if that is asked for and there is one."""
    size = target.preprocess.size
    parts = open_parts(settings.training(size))
    searches = {"report": parts.report, **({"selection": parts.selection} if settings.selection else {})}
    with TemporaryDirectory() as temporary:
        return {
            name: read_trial(
                search,
                size,
                workers=settings.workers,
                folder=settings.pictures or Path(temporary),
                console=terminal(),
            )
            for name, search in searches.items()
            if search
        }


def _figures(found: ReidentificationTrial, target: Target) -> Mapping[str, float]:
    return found.figures(target.model, target.preprocess)


def _table(title: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption_justify="left")
    made.caption = (
        "In percent; in brackets the 95 % interval of rank-1 by Wilson's score, which takes probes for independent. "
        "No identity of the report was trained on or chosen by."
    )
    for heading in ("", "identities", "pictures", "probes", "rank-1", "rank-5", "mAP", "mINP"):
        made.add_column(heading, justify="right" if heading else "left")
    for name, figures in found.items():
        probes = int(figures["probes"])
        interval = share_interval(round(figures["rank_1"] * probes / 100), probes)
        ends = interval and (100 * interval[0], 100 * interval[1])
        made.add_row(
            name,
            *(f"{figures[count]:.0f}" for count in ("identities", "pictures", "probes")),
            with_interval(figures["rank_1"], ends, 1),
            *(f"{figures[figure]:.1f}" for figure in _FIGURES[1:]),
        )
    return made
