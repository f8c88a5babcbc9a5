"""`keyhole attack`: how much attacks see at each cut of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from keyhole.attacks.registry import ATTACKS, choose_all
from keyhole.defences import spelled
from keyhole.evaluation.plots import loss_curves
from keyhole.evaluation.report import document, table
from keyhole.evaluation.run import Evaluation, evaluate
from keyhole.evaluation.settings import AttackSettings, OfflineSettings, check_attack
from keyhole.presentation.contact_sheet import Column, contact_sheet
from keyhole.service.errors import UsageError
from keyhole.sizes import size_text
from keyhole.targets.target import NO_DEFENCE
from keyhole.terminal import terminal

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
    title = titled(settings, done)
    console.print(table(title, done.rows, done.metrics))
    if settings.json:
        parent(settings.json).write_text(json.dumps(document(done.run, done.rows), indent=2, default=str) + "\n")
    if settings.sheet:
        columns = {"truth": done.truths, **done.made}
        contact_sheet([Column.of(*column) for column in columns.items()]).save(parent(settings.sheet))
    if settings.curves:
        curves = {f"{row.attack} {row.name}": row.losses for row in done.rows}
        loss_curves(curves, title).savefig(parent(settings.curves))
    return 0


def _words(attacks: Sequence[str]) -> list[str]:
    """The attacks asked for, `all` spelled out."""
    return [name for word in attacks for name in (ATTACKS if word == ALL else (word,))]


def titled(settings: OfflineSettings, done: Evaluation) -> str:
    """What was attacked, in words."""
    title = f"{done.target.name} at {size_text(done.target.preprocess.size)} px"
    if settings.defence == NO_DEFENCE:
        return title
    frames = f" seen in {settings.frames} frames" if settings.frames > 1 else ""
    unaware = ", unknown to the attack" if settings.unaware else ""
    return f"{title}, defence {spelled(settings.defence)}{frames}{unaware}"


def parent(path: Path) -> Path:
    """The path, in a folder that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
