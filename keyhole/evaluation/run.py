"""Evaluations: attacks on pictures at some cuts, kept so that a run that was stopped goes on."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.entry import Recipe, open_prior
from keyhole.attacks.registry import ChosenAttack
from keyhole.attacks.saved import SavedAttackers
from keyhole.attacks.told import check_text, needs_captions, texts_for
from keyhole.data import check_apart
from keyhole.data.public import described_pictures
from keyhole.defences import defence_named
from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.kept_texts import KeptTexts
from keyhole.evaluation.picture_ledger import PictureLedger
from keyhole.evaluation.published import published
from keyhole.evaluation.scores import UNIT, EvaluationRow, check_scorable, score_set
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.spent_training import SpentTraining
from keyhole.evaluation.trial import OfflineAttack, Trial, common_facts
from keyhole.evaluation.world import prior_named
from keyhole.evaluation.yardstick import Yardstick
from keyhole.metrics.registry import metrics_named
from keyhole.nn.device import device_named
from keyhole.partition import Partition, partitioned_at
from keyhole.service.errors import UsageError
from keyhole.service.memory import keep_all_freed
from keyhole.targets import Target
from keyhole.targets.answers import check_classifies
from keyhole.targets.membership import TrainedOn, warn_of_members
from keyhole.terminal import progress_bar
from keyhole.wire.codec_registry import codec_named


@dataclass(frozen=True)
class Evaluation:
    """Results of attacks on pictures.

    Attributes:
        target: the model under attack.
        run: facts that all attacks share.
        rows: one per attack and cut.
        made: reconstructions of the pictures with the first seed, in the order of the rows.
        yardstick: the pictures, and what the rows were measured by.
    """

    target: Target
    run: dict[str, object]
    rows: Sequence[EvaluationRow]
    made: Sequence[Sequence[Tensor]]
    yardstick: Yardstick


def evaluate(
    settings: OfflineSettings,
    chosen: Sequence[ChosenAttack[Recipe]],
    seeds: Sequence[int],
    console: Console,
    yardstick: Yardstick | None = None,
) -> Evaluation:
    """Run every attack on the pictures at every cut, once with each seed.

    Pictures that an earlier run into the same folder has made are taken from there.

    Args:
        settings: flags that the attacks share.
        chosen: the attacks.
        seeds: of the attacks; the first one chooses the pictures too.
        console: where progress is shown.
        yardstick: of an evaluation of the same pictures by the same metrics; None: they are measured.

    Raises:
        UsageError: no such prior, defence, codec, device, model, cut or metric, public pictures that are attacked, or
            pictures too small or too few to be scored.
        FileNotFoundError: no such pictures.
    """
    SavedAttackers(settings.attackers).check()
    defence_named(settings.defence)
    codec_named(settings.codec)
    metrics = metrics_named(settings.metrics)
    if settings.smoothing is not None and not any(choice.recipe.filters for choice in chosen):
        words = ", ".join(choice.spelled for choice in chosen) or "the blind attacker"
        raise UsageError(f"--smoothing {settings.smoothing:g}: no filter ends {words}; pixels-white/filtered has one")
    check_apart(settings.source, settings.public)
    check_text(settings.text, chosen)
    load = partial(prior_named, settings.prior, device_named(settings.device), next(iter(settings.text), None))
    open_prior((choice.entry for choice in chosen), load, settings.sampling_steps)
    torch.set_num_threads(settings.threads)
    keep_all_freed()
    target, partitions = partitioned_at(settings, settings.cuts or (settings.cut,))
    for choice in chosen:
        if choice.entry.classes:
            check_classifies(target, choice.word)
    check_scorable((*metrics, UNIT), target.preprocess.size, settings.n * settings.clip)
    if needs_captions(settings.text, chosen):
        next(described_pictures(settings.public, target.preprocess.size, seeds[0]))
    attacked = Attacked.by(settings, target, seeds[0])
    truths = attacked.pictures
    shown = [sample.label for sample in attacked.samples]
    members = warn_of_members(TrainedOn.of_target(settings), target.name, settings.source, shown)

    rows, pictures = [], []
    with progress_bar(console) as progress:
        yardstick = yardstick or Yardstick.ready(settings, attacked, seeds[0], metrics, progress)
        for choice, partition in itertools.product(chosen, partitions):
            trials = [Trial(settings, choice, seed, seeds[0]).prepared(target, partition) for seed in seeds]
            made = [reconstruct_all(trial, target, partition, truths, progress) for trial in trials]
            rows.append(_row(trials, target, partition, made, yardstick))
            pictures.append(made[0].pictures)
    facts = {
        **common_facts(settings, target),
        "seeds": list(seeds),
        **({"videos": attacked.videos} if attacked.videos else {}),
        **({"trained_on": members} if members else {}),
    }
    return Evaluation(target, facts, rows, pictures, yardstick)


@dataclass(frozen=True)
class Reconstructions:
    """Reconstructions of every picture from one cut.

    Attributes:
        pictures: 3×H×W each.
        passes: U-Net passes that each took.
        losses: of the attack by step.
        fresh: how many this run made; an earlier one had made the others.
        prepared: what a training before the first picture took; None: there was none, or nothing is known of it.
        texts: of each picture, where several were tried.
    """

    pictures: list[Tensor]
    passes: list[int]
    losses: list[float]
    fresh: int
    prepared: SpentTraining | None = None
    texts: Sequence[str] = ()


def _row(
    trials: Sequence[Trial],
    target: Target,
    partition: Partition,
    made: Sequence[Reconstructions],
    yardstick: Yardstick,
) -> EvaluationRow:
    choice, plan, truths = trials[0].choice, partition.plan, yardstick.truths
    pictures = {trial.seed: torch.stack(one.pictures) for trial, one in zip(trials, made, strict=True)}
    by_seed = {seed: yardstick.scores(some) for seed, some in pictures.items()}
    sets = {seed: score_set(some, truths, yardstick.asked) for seed, some in pictures.items()}
    return EvaluationRow(
        attack=choice.word,
        plan=plan,
        by_seed=by_seed,
        published=published(choice, trials[0].settings, target, plan.alias),
        passes=statistics.fmean(count for one in made for count in one.passes),
        losses=made[0].losses,
        facts=trials[0].facts,
        sets={seed: found for seed, found in sets.items() if found},
        beside=yardstick.beside,
        standing=yardstick.standing(by_seed, list(pictures.values())),
        units=yardstick.units,
        prepared=made[0].prepared,
        texts={trial.seed: one.texts for trial, one in zip(trials, made, strict=True) if one.texts},
    )


def reconstruct_all(
    trial: Trial, target: Target, partition: Partition, truths: Tensor, progress: Progress
) -> Reconstructions:
    """Reconstruct every picture from one cut; those that an earlier run left in the folder are read from there.

    A batch that an earlier run left unfinished is attacked whole again, for the pictures of a batch may be attacked
    otherwise beside others; those that were there stay as they were.

    Args:
        trial: which attack, how, and the folder; pictures and cuts of its settings are not looked at.
        target: the whole model.
        partition: the model, cut.
        truths: the pictures, N×3×H×W in [0, 1].
        progress: gets a bar.

    Raises:
        UsageError: no such prior, defence, codec or device.
    """
    cut, size = partition.plan.cut, trial.together
    ledger = PictureLedger.open(trial.settings.out, trial.description(target))
    every = range(len(truths))
    texts = KeptTexts(ledger.folder / cut)
    missing = {index for index in every if not ledger.has(cut, index)}
    if missing:
        whole = (every[at : at + size] for at in range(0, len(truths), size))
        batches = [batch for batch in whole if not missing.isdisjoint(batch)]
        tries = max(1, len(texts_for(trial.settings.text, trial.choice)))
        rounds = 1 if trial.choice.recipe.learns else tries * len(batches)
        name = f"{trial.choice.word} {cut}, seed {trial.seed}"
        total = trial.training_steps + rounds * trial.steps
        task = progress.add_task(name, total=total)
        losses: list[float] = []
        offline = OfflineAttack(
            trial,
            target,
            partition,
            lambda: progress.advance(task),
            losses.append,
            spent=partial(ledger.keep_preparation, cut),
        )
        for indices, last in zip(batches, offline.reconstruct(truths, batches), strict=True):
            pairs = zip(indices, last.texts, strict=True) if last.texts else ()
            texts.keep((index, text) for index, text in pairs if index in missing)
            for index, picture in zip(indices, last.pictures, strict=True):
                if index in missing:
                    ledger.keep(cut, index, picture, last.passes)
            ledger.keep_losses(cut, indices[0], losses)
            losses.clear()
        progress.update(task, completed=total)  # an attack may stop early, or say nothing of its steps
    return Reconstructions(
        [ledger.read(cut, index) for index in every],
        [ledger.passes(cut, index) for index in every],
        ledger.losses(cut),
        len(missing),
        ledger.preparation(cut),
        texts=texts.of(every),
    )
