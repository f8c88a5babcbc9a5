"""``keyhole trial``: how well a target does its task on what it was not trained on: identities, boxes, or texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.data.boxed import BOX_CLASSES
from keyhole.data.classes import STREETCAM
from keyhole.evaluation.detection import DetectionTrial
from keyhole.evaluation.reidentification import ReidentificationTrial, read_trial
from keyhole.metrics.interval import share_interval, with_interval
from keyhole.service.errors import UsageError
from keyhole.service.files import check_file
from keyhole.targets import Target, load_target
from keyhole.targets.answers import ANSWERS, answer_kind
from keyhole.terminal import terminal
from keyhole.train.settings import TrialSettings
from keyhole.train.tasks.caption_data import TESTED
from keyhole.train.tasks.caption_trial import CaptionTrial, check_text_tower, text_tower_of
from keyhole.train.tasks.detection_data import DetectionData
from keyhole.train.tasks.reid_data import open_parts

_ENDS, _SHARE_ENDS = ("mAP_ci95_low", "mAP_ci95_high"), ("ci95_low", "ci95_high")
_FIGURES = ("rank_1", "rank_5", "mAP", "mINP")


def trial(settings: TrialSettings) -> int:
    """Measure, print, write what was asked for; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: the target answers with classes or with other boxes, no text tower lies beside it, or the data does
            not suffice.
    """
    check_file("--json", settings.json)
    target = load_target(settings.target, settings.weights, size=settings.size)
    kind = answer_kind(target)
    if kind == "boxes" and target.labels == BOX_CLASSES:
        found = _detected(settings, target)
        terminal().print(_table_of_boxes(target.name, found))
        return _written(settings, target, found)
    if kind == "texts":
        check_text_tower(target)
        found = _told(settings, target)
        terminal().print(_table_of_facts(target.name, found))
        return _written(settings, target, found)
    if kind != "identities":
        others = ", other than those of streetcam" if kind == "boxes" else ""
        raise UsageError(
            f"{target.name} answers with {ANSWERS[kind]}{others}: a trial is of re-identification, of streetcam's "
            "boxes, or of what texts tell of streetcam"
        )
    found = {name: {**each.counts, **_figures(each, target)} for name, each in _trials(settings, target).items()}
    terminal().print(_table(target.name, found))
    return _written(settings, target, found)


def _written(settings: TrialSettings, target: Target, found: Mapping[str, Mapping[str, float]]) -> int:
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        document = {"target": target.name, "model_hash": target.hash, "data": settings.data, **found}
        settings.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def _detected(settings: TrialSettings, target: Target) -> dict[str, dict[str, float]]:
    """By name, how well what is in pictures is found, and how well by somebody who sees none."""
    size = target.preprocess.size
    with TemporaryDirectory() as temporary:
        flags = replace(
            settings.training(size), pictures=settings.pictures or Path(temporary), workers=settings.workers
        )
        data = DetectionData(flags, size)
        trials = data.trials(terminal())
        parts = {"report": trials.report, "other cameras": trials.elsewhere}
        if settings.selection:
            parts["selection"] = data.selection(terminal())
    return {
        name: {**_boxes_found(trial, target), "mAP50_blind": trial.blind(trials.seen)["mAP50"]}
        for name, trial in parts.items()
    }


def _boxes_found(trial: DetectionTrial, target: Target) -> dict[str, float]:
    figures, interval = trial.assessed(target.model, target.preprocess)
    ends = dict(zip(_ENDS, interval, strict=True)) if interval else {}
    return {**trial.counts, **figures, **ends}


def _told(settings: TrialSettings, target: Target) -> dict[str, dict[str, float]]:
    """By fact, how often the nearest text tells it, and how often who sees no picture does."""
    if settings.data != STREETCAM:
        raise UsageError(
            f"--data {settings.data}: what texts tell is asked about streetcam alone, whose captions say it in phrases "
            "that are known"
        )
    vehicles = TESTED if settings.held_out is None else settings.held_out
    with TemporaryDirectory() as temporary:
        folder = settings.pictures or Path(temporary)
        trial = CaptionTrial.read(
            vehicles,
            settings.views,
            target.preprocess.size,
            workers=settings.workers,
            folder=folder,
            console=terminal(),
        )
    shares = trial.shares(target.model, text_tower_of(target), target.preprocess)
    return {
        name: {
            "pictures": share.pictures,
            "share": share.value,
            **(dict(zip(_SHARE_ENDS, share.interval, strict=True)) if share.interval else {}),
            "guessed": share.guessed,
        }
        for name, share in shares.items()
    }


def _table_of_facts(title: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption_justify="left")
    made.caption = (
        "In percent: how often the nearest of the texts that state a fact's values tells it, with the 95 % interval, "
        "which takes pictures for independent. Guessed: by saying what most public pictures show. No vehicle was "
        "trained on or chosen by."
    )
    for heading in ("", "pictures", "right", "guessed"):
        made.add_column(heading, justify="right" if heading else "left")
    for name, values in found.items():
        ends = (values[_SHARE_ENDS[0]], values[_SHARE_ENDS[1]]) if _SHARE_ENDS[0] in values else None
        made.add_row(
            name, f"{values['pictures']:.0f}", with_interval(values["share"], ends, 1), f"{values['guessed']:.1f}"
        )
    return made


def _table_of_boxes(title: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption_justify="left")
    made.caption = (
        "In percent; in brackets the 95 % interval of mAP by the bootstrap over pictures. Blind: mAP50 of the mean box "
        "of each class in public pictures, for every picture. No vehicle of the report was trained on or chosen by; "
        "those before other cameras have other paints, plates and signs too."
    )
    counts, figures = ("pictures", "boxes"), ("mAP50", *(f"AP50_{name}" for name in BOX_CLASSES), "mAP50_blind")
    for heading in ("", *counts, "mAP", "mAP50", *BOX_CLASSES, "blind"):
        made.add_column(heading, justify="right" if heading else "left")
    for name, values in found.items():
        shown = (f"{values[figure]:.1f}" if figure in values else "–" for figure in figures)
        ends = (values[_ENDS[0]], values[_ENDS[1]]) if _ENDS[0] in values else None
        average = with_interval(values["mAP"], ends, 1)
        made.add_row(name, *(f"{values[count]:.0f}" for count in counts), average, *shown)
    return made


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
