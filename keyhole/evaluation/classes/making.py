"""Attacks on classes, run until every picture is there; those that an earlier run has made are read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.base import Budget, Estimate, Watch
from keyhole.attacks.classes.base import ClassAttack, ClassWhiteBox, Wanted
from keyhole.attacks.classes.chosen import whole_classes
from keyhole.attacks.classes.entry import ClassRun
from keyhole.attacks.classes.ledger import ClassLedger, Spent
from keyhole.attacks.classes.registry import ChosenClassAttack
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.evaluation.classes.world import ClassWorld
from keyhole.service.errors import UsageError

_TIMED, _TRIES = 20, 5
"""Pictures that the classifier is timed with, and how often; the fastest counts, where other programs compute too."""


@dataclass(frozen=True, eq=False)
class MadePictures:
    """What an attack made.

    Attributes:
        chosen: the attack.
        pictures: N×3×H×W.
        spent: on them, by this run and earlier ones.
    """

    chosen: ChosenClassAttack
    pictures: Tensor
    spent: Spent


def steps_of(chosen: ChosenClassAttack, settings: InvertSettings) -> int:
    """Steps for one picture."""
    if chosen.entry.floor or settings.iterations is None:
        return chosen.recipe.iterations
    return settings.iterations


def facts_of(chosen: ChosenClassAttack, settings: InvertSettings, world: ClassWorld) -> Mapping[str, object]:
    """All that a picture of an attack depends on, beside its class and its number."""
    return world.classes.facts(chosen, steps_of(chosen, settings), settings.loss)


def make_all(
    chosen: ChosenClassAttack, settings: InvertSettings, world: ClassWorld, wanted: Wanted, progress: Progress
) -> MadePictures:
    """Every picture of an attack.

    Args:
        chosen: the attack.
        settings: of the run.
        world: what it is run with.
        wanted: the pictures.
        progress: gets a bar.

    Raises:
        UsageError: no prior or generator, pictures in the folder that were made otherwise, or an attack of a user's own
            that makes other pictures.
    """
    ledger = ClassLedger.open(settings.out, chosen.name, facts_of(chosen, settings, world), world.target.labels)
    missing = [at for at, (label, number) in enumerate(wanted) if not ledger.has(label, number)]
    if missing:
        _ = world.access.white().public_answers  # asked once for all attacks, and no attack's own cost
        counted, started = world.classes.counted, time.perf_counter()
        asked = counted.pictures
        steps = steps_of(chosen, settings)
        batches = list(whole_classes(wanted, missing, settings.batch))
        bar = progress.add_task(f"{chosen.word}: getting ready", total=steps * len(batches))
        watch = Watch(float("inf"), stepped=lambda: progress.advance(bar))
        run = ClassRun(Budget(steps), settings.seed, watch, settings.threads, loss=settings.loss)
        attack = chosen.recipe.open(world.access, run)
        for done, batch in enumerate(batches, 1):
            progress.update(bar, description=f"{chosen.word}: {len(missing)} pictures")
            part = wanted.part(batch)
            last = _last(attack, part, chosen.word, world.public.shape[1:])
            for (label, number), picture in zip(part, last.pictures, strict=True):
                ledger.keep(label, number, picture)
            now, told = time.perf_counter(), counted.pictures
            ledger.spend(Spent(len(part), now - started, told - asked, last.passes * len(part)))
            asked, started = told, now
            progress.update(bar, completed=done * steps)
    pictures = torch.stack([ledger.read(label, number) for label, number in wanted])
    return MadePictures(chosen, pictures, ledger.spent())


def forecast(
    chosen: Sequence[ChosenClassAttack],
    settings: InvertSettings,
    white: ClassWhiteBox,
    few: Tensor,
    classes: int,
    each: int,
) -> list[float]:
    """Seconds that each attack takes for so many pictures, roughly (see `ChosenClassAttack.seconds`).

    The classifier is timed here; what a step costs besides is the entry's.

    Args:
        chosen: the attacks.
        settings: say how many steps they take.
        white: the classifier.
        few: pictures to time it with, N×3×H×W.
        classes: that are pictured.
        each: pictures of each.
    """
    few = few[:_TIMED].to(white.device)
    forward = min(_seconds(white, few) for _ in range(_TRIES)) / len(few)
    return [one.seconds(steps_of(one, settings), forward, classes, each) for one in chosen]


def _seconds(white: ClassWhiteBox, pictures: Tensor) -> float:
    started = time.perf_counter()
    with torch.no_grad():
        white.classify(pictures)
    return time.perf_counter() - started


def _last(attack: ClassAttack, wanted: Wanted, word: str, shape: Sequence[int]) -> Estimate:
    last = None
    for last in attack.recall(wanted):  # noqa: B007
        pass
    if last is None or last.pictures.shape != (len(wanted), *shape):
        got = "nothing" if last is None else tuple(last.pictures.shape)
        raise UsageError(f"{word} made {got}: expected {len(wanted)} pictures of {tuple(shape)}")
    return last
