"""``keyhole train attacker``: from an oracle's answers to a network with a card."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from types import MappingProxyType

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from keyhole.attacks.attacker_key import AttackerKey, network_recipe
from keyhole.attacks.entry import AttackEntry, Recipe, open_prior
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.ladders import LADDERS
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, ChosenAttack, choose
from keyhole.attacks.saved import AttackerCard, SavedAttacker, save_attacker
from keyhole.data import check_apart
from keyhole.defences import defence_named
from keyhole.evaluation.attackers import attacker_key, card_of
from keyhole.evaluation.run import evaluate
from keyhole.evaluation.scores import UNIT, EvaluationRow
from keyhole.evaluation.trial import OfflineAttack, Trial
from keyhole.evaluation.world import prior_named
from keyhole.metrics.registry import METRICS
from keyhole.nn.device import device_named
from keyhole.partition import partitioned
from keyhole.service.files import TRAINING, alone
from keyhole.service.memory import keep_all_freed
from keyhole.targets.stored_weights import save_card, this_command
from keyhole.terminal import progress_bar, terminal
from keyhole.train.attacker.settings import AttackerSettings, check_attacker
from keyhole.train.cache import cached_tensors
from keyhole.train.checkpoint import TrainingCheckpoint
from keyhole.wire.codec_registry import codec_named

NETWORKS: Mapping[str, AttackEntry[Recipe]] = MappingProxyType(
    {
        **ATTACKS,
        **{
            name: AttackEntry(
                {recipe: ladder.refined.first for recipe, ladder in entry.recipes.items()},
                uses_prior=entry.uses_prior,
                denoises=entry.denoises,
            )
            for name, entry in LADDERS.items()
        },
    }
)
"""Attacks that can be trained; of a ladder, its first rung."""
_FILE = 256
"""Pictures that are kept in a file."""


def attacker(settings: AttackerSettings) -> int:
    """Train, store as int8, measure what is stored, write the card; return the exit code.

    Raises:
        UsageError: no such attack, target, cut, defence, codec, prior or pictures, or the folder holds something else.
    """
    check_attacker(settings)
    console, offline = terminal(), settings.offline
    choice = choose(settings.attack, DEFAULT_RECIPE, NETWORKS)
    codec_named(settings.codec)
    defence_named(settings.defence)
    check_apart(offline.source, settings.public)
    torch.set_num_threads(settings.threads)
    keep_all_freed()
    open_prior(
        [choice.entry], lambda: prior_named(settings.prior, device_named(settings.device)), settings.sampling_steps
    )
    target, partition = partitioned(settings)
    key = attacker_key(offline, choice, target, partition)
    with alone(settings.out, TRAINING):
        trial = Trial(offline, choice, settings.seed, settings.seed)
        run = OfflineAttack(trial, target, partition, lambda: None)
        attack = _trained(settings, run, key, console)
        card = dataclasses.replace(
            card_of(attack, key, choice, settings.seed, settings.out.name), licence=settings.licence
        )
        saved = save_attacker(card, attack.trained.network, settings.out)
        if settings.audit:
            saved = _measured(settings, saved, choice, console)
        _tell(settings, saved, console)
    return 0


def _trained(settings: AttackerSettings, run: OfflineAttack, key: AttackerKey, console: Console) -> BlackBoxAttack:
    """The attack, whose network has learned."""
    trial = run.trial
    recipe = network_recipe(trial.choice.recipe)
    assert recipe is not None  # attacker_key has refused others
    known, steps = run.access.black(), trial.steps
    training = recipe.training.limited(settings.queries)
    facts = {**vars(key), "steps": steps, "queries": settings.queries or "the recipe's", "seed": settings.seed}
    console.print(
        f"{trial.choice.spelled} of {key.target} at {key.cut}, defence {key.defence}, {key.codec}: {steps} steps on "
        f"{training.limit or training.first + training.query * (steps // training.every)} pictures of {key.public}"
    )
    accelerator = Accelerator(cpu=True)
    with progress_bar(console) as progress:
        drawing = progress.add_task("public pictures", total=training.first)
        origin = {name: str(facts[name]) for name in ("public", "public_hash", "preprocess", "seed")}
        pictures = _kept(settings.out / "training", known.public, origin)
        known = dataclasses.replace(known, public=_counted(pictures, lambda: progress.advance(drawing)))
        attack = recipe.make(known, run.terms)
        accelerator.register_for_checkpointing(attack)
        checkpoint = TrainingCheckpoint(accelerator, settings.out / "checkpoint", facts)
        with checkpoint.explained(steps):
            done = checkpoint.load()
            bar = progress.add_task("training", total=steps, completed=done)
            while done < steps:
                part = min(training.publish - done % training.publish, steps - done)
                attack.train(part)
                done += part
                progress.update(bar, completed=done, description=f"training, loss {attack.trained.loss:.4f}")
                checkpoint.save_if_due(done)
            checkpoint.save(done)
    return attack


def _counted(pictures: Iterator[Tensor], taken: Callable[[], object]) -> Iterator[Tensor]:
    for picture in pictures:
        taken()
        yield picture


def _kept(folder: Path, pictures: Iterator[Tensor], facts: dict[str, str]) -> Iterator[Tensor]:
    """The pictures, which are drawn once and then read from files; those of a file that is missing are drawn again."""
    passed = 0
    for number in count():

        def drawn(before: int = number * _FILE) -> dict[str, Tensor]:
            nonlocal passed
            chosen = list(islice(pictures, before - passed, before - passed + _FILE))
            passed = before + _FILE
            return {"pictures": (torch.stack(chosen) * 255).round().to(torch.uint8)}

        levels = cached_tensors(folder / f"pictures-{number:04d}.safetensors", facts, drawn)["pictures"]
        yield from levels.float() / 255


def _measured(
    settings: AttackerSettings, saved: SavedAttacker, choice: ChosenAttack[Recipe], console: Console
) -> SavedAttacker:
    """The attacker with a card of what it gets from pictures that nobody learned from, and what the blind one gets."""
    offline = dataclasses.replace(settings.offline, attackers=(saved.folder,), iterations=None, queries=None)
    done = evaluate(offline, [choice], (settings.seed,), console)
    row, floor = done.rows[0], done.yardstick.floor
    figures = {"audit_pictures": float(len(row.scores)), **_figures(row)}
    if floor:
        figures[f"blind_{UNIT.name}"] = round(floor.mean(floor.best(UNIT), UNIT).mean, 4)
    card: AttackerCard = dataclasses.replace(saved.card, figures=figures, command=this_command())
    save_card(card, saved.folder)
    return SavedAttacker.read(saved.folder)


def _figures(row: EvaluationRow) -> dict[str, float]:
    found = {}
    for name in ("ssim", "psnr"):
        mean = row.mean(METRICS[name].name)
        found[name] = round(mean.mean, 4)
        if mean.interval:
            found |= {f"{name}_low": round(mean.interval[0], 4), f"{name}_high": round(mean.interval[1], 4)}
    if row.standing:
        found["above_blind_ssim"] = round(row.standing.above_blind[UNIT.name].mean, 4)
    return found


def _tell(settings: AttackerSettings, saved: SavedAttacker, console: Console) -> None:
    card = saved.card
    console.print(dict(card.figures))
    console.print(
        f"{card.steps} steps, {card.queries} queries. Use it with --attackers {settings.out}: "
        f"keyhole live --attacks {card.attack} --attackers {settings.out}",
        soft_wrap=True,
    )
