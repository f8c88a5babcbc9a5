"""One evaluation: an attack on pictures at some cuts, as its settings say."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from adversary.attacks.registry import attack_named
from adversary.evaluation.ledger import Ledger
from adversary.evaluation.offline import Offline, steps_of, training_steps_of
from adversary.evaluation.published import PUBLISHED
from adversary.evaluation.report import Row
from adversary.evaluation.scores import score
from adversary.priors.folder import fingerprint, prior_folder
from adversary.settings import AttackSettings
from keyhole.data import open_source
from keyhole.defences import defence_named, spelled
from keyhole.partition import Partition, partitioned_at
from keyhole.progress import progress_bar
from keyhole.targets import Target
from keyhole.targets.defence import defence_name
from keyhole.wire.codecs import codec_named


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        target: the model under attack.
        run: all that decides what a reconstruction looks like.
        rows: one per cut.
        truths: the pictures, N×3×H×W.
        made: their reconstructions by name of the row.
    """

    target: Target
    run: dict[str, object]
    rows: Sequence[Row]
    truths: Tensor
    made: Mapping[str, Sequence[Tensor]]


def evaluate(settings: AttackSettings, console: Console) -> Evaluation:
    """Attack the pictures at every cut; what an earlier run into the same folder has made is not made again.

    Raises:
        UsageError: no such attack, recipe, prior, defence, codec, model or cut.
        FileNotFoundError: no such pictures.
    """
    attack_named(settings.attack)
    defence_named(settings.defence)
    codec_named(settings.codec)
    torch.set_num_threads(settings.threads)
    target, partitions = partitioned_at(settings, settings.cuts or (settings.cut,))
    truths = _pictures(settings, target)

    rows, columns = [], {}
    with progress_bar(console) as progress:
        for partition in partitions:
            made = attacked(settings, target, partition, truths, progress)
            published = PUBLISHED.get(settings.attack, {}).get((architecture(target), partition.plan.alias))
            scores = score(torch.stack(made.pictures), truths)
            rows.append(Row(partition.plan, scores, published, statistics.fmean(made.passes), made.losses))
            columns[rows[-1].name] = made.pictures
    return Evaluation(target, description(settings, target), rows, truths, columns)


@dataclass(frozen=True)
class Made:
    """What was made of every picture from one cut.

    Attributes:
        pictures: 3×size×size each.
        passes: U-Net passes that each took.
        losses: of the attack by step.
        fresh: how many were not there before.
    """

    pictures: list[Tensor]
    passes: list[int]
    losses: list[float]
    fresh: int


def _pictures(settings: AttackSettings, target: Target) -> Tensor:
    source = open_source(settings.source, pool="audit", size=target.preprocess.size, seed=settings.seed)
    chosen = itertools.islice(source, 0, settings.n * settings.every, settings.every)
    return torch.stack([sample.picture for sample in chosen])


def attacked(
    settings: AttackSettings, target: Target, partition: Partition, truths: Tensor, progress: Progress
) -> Made:
    """The reconstruction of every picture from one cut: those of an earlier run into the same folder, the others anew.

    Args:
        settings: which attack, how, and the folder; pictures and cuts of theirs are not looked at.
        target: the whole model.
        partition: the model, cut.
        truths: the pictures, N×3×size×size in [0, 1].
        progress: gets a bar.

    Raises:
        UsageError: no such attack, recipe, prior, defence or codec.
    """
    cut = partition.plan.cut
    ledger = Ledger.open(settings.out, description(settings, target))
    missing = [index for index in range(len(truths)) if not ledger.has(cut, index)]
    if missing:
        batches = [missing[at : at + settings.batch] for at in range(0, len(missing), settings.batch)]
        rounds = 1 if attack_named(settings.attack).learns else len(batches)
        steps = training_steps_of(settings) + rounds * steps_of(settings)
        task = progress.add_task(cut, total=steps)
        losses: list[float] = []
        offline = Offline(settings, target, partition, lambda: progress.advance(task), losses.append)
        for indices, last in zip(batches, offline.reconstruct([truths[i] for i in batches]), strict=True):
            for index, picture in zip(indices, last.pictures, strict=True):
                ledger.keep(cut, index, picture, last.passes)
            ledger.keep_losses(cut, indices[0], losses)
            losses.clear()
    every = range(len(truths))
    return Made(
        [ledger.read(cut, index) for index in every],
        [ledger.passes(cut, index) for index in every],
        ledger.losses(cut),
        len(missing),
    )


def description(settings: AttackSettings, target: Target) -> dict[str, object]:
    """All that decides what a reconstruction looks like."""
    kind = attack_named(settings.attack)
    return {
        "target": target.name,
        "model_hash": target.hash,
        "size": target.preprocess.size,
        "defence": defence_name(target.defence, spelled(settings.defence)),
        "codec": settings.codec,
        "aware": not settings.unaware,
        "source": settings.source,
        "every": settings.every,
        "attack": settings.attack,
        "knowledge": kind.knowledge,
        "recipe": settings.recipe,
        "iterations": steps_of(settings),
        "batch": settings.batch,
        "public": settings.public,
        "queries": settings.queries,
        "training_steps": training_steps_of(settings),
        "patience": settings.patience,
        "seed": settings.seed,
        **({"frames": settings.frames} if settings.frames > 1 else {}),
        **(_prior(settings) if kind.uses_prior else {}),
    }


def _prior(settings: AttackSettings) -> dict[str, object]:
    return {
        "prior": settings.prior,
        "prior_hash": fingerprint(prior_folder(settings.prior)),
        "sampling_steps": settings.sampling_steps,
    }


def architecture(target: Target) -> str:
    """``resnet18`` of ``torchvision:resnet18`` or ``resnet18-tinyimagenet``."""
    return target.name.rpartition(":")[2].partition("-")[0]
