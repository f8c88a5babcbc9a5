"""The command ``keyhole invert``: pictures of a classifier's training classes, and whom they show."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from keyhole.attacks.classes.access import ready_attacks
from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.losses import loss_named
from keyhole.attacks.classes.registry import ChosenClassAttack, choose_class_attacks
from keyhole.evaluation.classes.against import NATURAL, EarlierRun
from keyhole.evaluation.classes.document import inversion_document
from keyhole.evaluation.classes.making import MadePictures, facts_of, forecast, make_all
from keyhole.evaluation.classes.plan import duration, print_plan
from keyhole.evaluation.classes.published import published_inversion
from keyhole.evaluation.classes.report import fidelity_table, recognition_table, sentences
from keyhole.evaluation.classes.rows import Inversion, InversionRow
from keyhole.evaluation.classes.scores import ClassScore, score_classes, score_real
from keyhole.evaluation.classes.settings import NO_EVALUATOR, SUITES, InvertSettings, attack_words, check_invert
from keyhole.evaluation.classes.sheet import accuracy_chart, inversion_sheet
from keyhole.evaluation.classes.shipped import with_shipped
from keyhole.evaluation.classes.world import ClassWorld
from keyhole.evaluation.output import in_folder
from keyhole.metrics.base import Metric
from keyhole.metrics.registry import metrics_named
from keyhole.presentation.charts.png import png
from keyhole.service.files import INVERSION, alone
from keyhole.sizes import size_text
from keyhole.terminal import progress_bar, terminal


def invert(settings: InvertSettings) -> int:
    """Attack, score, print, write what was asked for; return the exit code.

    Raises:
        UsageError: a setting is wrong, or no such attack, target, judge, prior, generator or pictures.
    """
    check_invert(settings)
    settings = with_shipped(settings)
    metrics = metrics_named(settings.metrics)
    chosen = choose_class_attacks(attack_words(settings, ready_attacks(settings.generators)))
    if settings.loss:
        loss_named(settings.loss)
    earlier = EarlierRun.read(settings.against) if settings.against else None
    console = terminal()
    torch.set_num_threads(settings.threads)
    if settings.dry_run:
        print_plan(settings, console)
        return 0
    with alone(settings.out, INVERSION) if settings.out else nullcontext(), TemporaryDirectory() as spare:
        folder = settings.pictures or settings.out or Path(spare)
        world = ClassWorld.opened(settings, folder, console)
        if earlier:
            earlier.check(_facts(settings, world))
        done = _run(settings, chosen, metrics, world, console)
    title = (
        f"{world.target.name} at {size_text(world.target.preprocess.size)} px, {len(world.labels)} of "
        f"{world.target.outputs} classes, {len(done.rows[0].score.wanted) // len(world.labels)} pictures each"
    )
    console.print(recognition_table(done, title, world.evaluator))
    console.print(fidelity_table(done, metrics, world.private.judge.name))
    for sentence in sentences(done):
        console.print(sentence)
    names = world.target.labels
    if earlier:
        console.print(f"Against {earlier.document['target']} ({earlier.path}):")
        for gain in earlier.gains(done, names):
            console.print(f"  {gain.text}")
    if settings.json:
        in_folder(settings.json).write_text(json.dumps(inversion_document(done, names), indent=2, default=str) + "\n")
    if settings.sheet:
        inversion_sheet(done, world.private, names).save(in_folder(settings.sheet))
    if settings.plot:
        of_pixels = [metric for metric in metrics if metric.scope == "picture"]
        in_folder(settings.plot).write_bytes(png(accuracy_chart(done, of_pixels)))
    return 0


def _run(
    settings: InvertSettings,
    chosen: tuple[ChosenClassAttack, ...],
    metrics: tuple[Metric, ...],
    world: ClassWorld,
    console: Console,
) -> Inversion:
    wanted = Wanted.each(world.labels, _each(settings))
    for one in chosen:
        facts_of(one, settings, world)  # a prior or generator that is not there is missed now, not after an hour
    seconds = sum(forecast(chosen, settings, world.access.white(), world.public, len(world.labels), _each(settings)))
    console.print(
        f"{len(wanted)} pictures by each of {len(chosen)} attacks and rows: about {duration(seconds)} here, beside "
        "what attacks fit first and what earlier runs have made.",
        soft_wrap=True,
    )
    if not world.evaluator:
        console.print(NO_EVALUATOR.replace("\n", " "), soft_wrap=True)
    rows = []
    with progress_bar(console) as progress:
        for one in chosen:
            made = make_all(one, settings, world, wanted, progress)
            bar = progress.add_task(f"{one.word}: judged", total=len(wanted))
            score = score_classes(
                made.pictures, wanted, world.private, world.asked, metrics, stepped=partial(progress.advance, bar)
            )
            rows.append(_row(settings, world, made, score))
        real = score_real(world.private, world.labels, world.asked, metrics)
    private = world.private
    return Inversion(rows, real, len(private.classes), _facts(settings, world), private.verified_of_strangers)


def _row(settings: InvertSettings, world: ClassWorld, made: MadePictures, score: ClassScore) -> InversionRow:
    published = published_inversion(made.chosen.spelled, settings, world.target)
    return InversionRow(made.chosen, score, made.pictures, made.spent, published)


def _each(settings: InvertSettings) -> int:
    return settings.per_class or SUITES[settings.suite].per_class


def _facts(settings: InvertSettings, world: ClassWorld) -> dict[str, object]:
    target, private = world.target, world.private
    return {
        "target": target.name,
        "model_hash": target.hash,
        "defence": target.defence or "none",
        "size": target.preprocess.size,
        "classes": [target.labels[label] for label in world.labels],
        "per_class": _each(settings),
        "private": settings.private,
        NATURAL: world.natural,
        "private_pictures": {"learned_from": len(private.train.labels), "judged_by": len(private.report.labels)},
        "public": settings.public,
        "public_pictures": len(world.public),
        "judge": private.judge.name,
        "judge_threshold": private.judge.threshold,
        "evaluator": world.evaluator or None,
        "seed": settings.seed,
        "loss": settings.loss,
        "iterations": settings.iterations,
    }
