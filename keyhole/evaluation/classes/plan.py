"""The plan of an inversion: attacks, what they need, and what all of it would take; nothing is drawn or made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from keyhole.attacks.classes.access import OpenedClasses, generator_folder
from keyhole.attacks.classes.chosen import chosen_classes, classifier_named
from keyhole.attacks.classes.registry import CLASS_ATTACKS, FLOORS, ChosenClassAttack, choose_class_attacks
from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import is_kept
from keyhole.data.public_set import PublicSet
from keyhole.data.sets.collection import Collection
from keyhole.data.streetcam.stream import Passes
from keyhole.evaluation.classes.making import forecast, steps_of
from keyhole.evaluation.classes.pictures import kept_by_training, private_source
from keyhole.evaluation.classes.settings import SUITES, InvertSettings, attack_words
from keyhole.service.errors import UsageError
from keyhole.sizes import height_width, size_text
from keyhole.targets import Target

_DRAWN = 6


@dataclass(frozen=True)
class PlannedAttack:
    """An attack of a plan.

    Attributes:
        chosen: which.
        steps: for one picture.
        seconds: for all pictures.
        missing: kinds of generators that it needs and that no folder holds.
    """

    chosen: ChosenClassAttack
    steps: int
    seconds: float
    missing: tuple[str, ...]


def planned_attacks(settings: InvertSettings, target: Target, classes: int, each: int) -> list[PlannedAttack]:
    """The attacks of a run, also those whose generators are missing.

    Args:
        settings: name them; `all` stands for every attack.
        target: the classifier, which is timed.
        classes: that are pictured.
        each: pictures of each by every attack.

    Raises:
        UsageError: no such attack, or a folder that holds no generator.
    """
    chosen = choose_class_attacks(attack_words(settings, tuple(CLASS_ATTACKS)))
    noise = torch.rand(
        settings.batch, 3, *height_width(target.preprocess.size), generator=torch.Generator().manual_seed(0)
    )
    white = OpenedClasses(target, noise, "", "").access.white()
    seconds = forecast(chosen, settings, white, noise, classes, each)
    return [
        PlannedAttack(one, steps_of(one, settings), each, _missing(settings, one, target.hash))
        for one, each in zip(chosen, seconds, strict=True)
    ]


def print_plan(settings: InvertSettings, console: Console) -> None:
    """Print what would be run.

    Raises:
        UsageError: see `planned_attacks`; no such target, classes or pictures.
    """
    target = classifier_named(settings.target, settings.weights, settings.size)
    suite = SUITES[settings.suite]
    labels = chosen_classes(settings.classes, target.labels, suite.classes)
    each = settings.per_class or suite.per_class
    plans = planned_attacks(settings, target, len(labels), each)
    table = Table("attack", "steps", "time", "generators", box=SIMPLE_HEAD)
    for plan in (plan for plan in plans if plan.chosen.attack not in FLOORS):
        needs = "missing: " + ", ".join(plan.missing) if plan.missing else "–"
        if plan.chosen.recipe.generators and not plan.missing:
            needs = "there"
        table.add_row(plan.chosen.word, f"{plan.steps:,}", duration(plan.seconds), needs)
    console.print(
        f"{target.name}: {len(labels)} of {target.outputs} classes, {each} pictures of each by every attack, and "
        f"{len(FLOORS)} rows of public pictures",
        soft_wrap=True,
    )
    console.print(table)
    ready = [plan for plan in plans if not plan.missing]
    drawn = _drawing(settings, target)
    first = f", {duration(drawn)} of it to draw pictures once" if drawn else ""
    console.print(
        f"About {duration(sum(plan.seconds for plan in ready) + drawn)} here and now for what is there{first}. What "
        "attacks fit first, the judge and what earlier runs have made is not counted.",
        soft_wrap=True,
    )
    if len(ready) < len(plans):
        console.print(f"With every generator about {duration(sum(plan.seconds for plan in plans) + drawn)}.")
    for kind in dict.fromkeys(kind for plan in plans for kind in plan.missing):
        console.print(_advice(settings, target, kind), soft_wrap=True)


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(12.4), duration(600), duration(9000)
    ('12 s', '10 minutes', '2.5 hours')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _missing(settings: InvertSettings, chosen: ChosenClassAttack, target_hash: str) -> tuple[str, ...]:
    return tuple(kind for kind in chosen.recipe.generators if not _has(settings.generators, kind, target_hash))


def _has(folders: tuple[Path, ...], kind: str, target_hash: str) -> bool:
    try:
        return bool(generator_folder(folders, kind, target_hash))
    except UsageError:
        return False


def _advice(settings: InvertSettings, target: Target, kind: str) -> str:
    size = size_text(target.preprocess.size)
    of_target = "" if kind == "gan" else f" --target {settings.target}"
    pool = f" --pool {settings.public_part or 'public-shifted'}" if settings.public == STREETCAM else ""
    return (
        f"{kind}: keyhole train prior --kind {kind}{of_target} --data {settings.public}{pool} --size {size} "
        f"--out runs/{kind} (its --help says how long), then --generators runs/{kind}"
    )


def _drawing(settings: InvertSettings, target: Target) -> float:
    """Seconds to draw the pictures of streetcam that are not kept yet, by the processes that draw."""
    size = target.preprocess.size
    folders = [folder for folder in (settings.pictures, settings.out, kept_by_training(settings)) if folder]
    wanted: list[Collection] = [PublicSet(settings.public, settings.public_part, settings.public_count).open(size)]
    private = private_source(settings, size)
    wanted += [private] if private is not None else []
    missing = [
        pictures
        for pictures in wanted
        if isinstance(pictures, Passes) and not any(is_kept(pictures, size, folder) for folder in folders)
    ]
    return sum(len(pictures) * _seconds(pictures) for pictures in missing) / max(1, settings.workers)


def _seconds(pictures: Passes) -> float:
    """That drawing one takes; the fastest counts, because a camera's first picture takes long and no other does."""
    return min(_drawn(pictures, at) for at in range(_DRAWN))


def _drawn(pictures: Passes, at: int) -> float:
    started = time.perf_counter()
    _ = pictures[at]
    return time.perf_counter() - started
