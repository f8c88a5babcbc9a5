"""The command `keyhole attack`: how much attacks see, by cut."""

from __future__ import annotations

import json
from collections.abc import Sequence

from keyhole.attacks import FLOOR
from keyhole.attacks.clip_recipes import choose_for
from keyhole.attacks.registry import USUAL
from keyhole.evaluation.against import Against, check_against
from keyhole.evaluation.document import document
from keyhole.evaluation.output import in_folder, tell, title_of
from keyhole.evaluation.plots import loss_curves
from keyhole.evaluation.report import table
from keyhole.evaluation.run import evaluate
from keyhole.evaluation.settings import AttackSettings, check_attack
from keyhole.evaluation.sheet import Shown, evaluation_sheet
from keyhole.service.errors import UsageError
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
    words, cuts = _words(settings.attacks), settings.cuts or (settings.cut,)
    choices = choose_for(words, settings.recipe, settings.clip)
    if settings.sampling_steps and not any(choice.recipe.samples for choice in choices):
        chosen = ", ".join(choice.spelled for choice in choices) or FLOOR
        raise UsageError(f"--sampling-steps {settings.sampling_steps}: no sampler makes the pictures of {chosen}")
    if settings.against:
        check_against(settings.against, words, cuts)
    done = evaluate(settings, choices, settings.seeds, console)
    title, floor = title_of(settings, done), done.yardstick.floor
    against = Against.named(settings.against, done.rows, cuts) if settings.against else None
    console.print(table(title, done.rows, done.yardstick.asked, floor, against))
    tell(settings, done.rows, done.yardstick, console)
    if settings.json:
        written = document(done.run, done.rows, done.yardstick, against)
        in_folder(settings.json).write_text(json.dumps(written, indent=2, default=str) + "\n")
    if settings.sheet:
        shown = [
            Shown(f"{row.attack} {row.plan.cut}", row, made) for row, made in zip(done.rows, done.made, strict=True)
        ]
        evaluation_sheet(shown, done.yardstick, settings.clip).save(in_folder(settings.sheet))
    if settings.curves:
        curves = {f"{row.attack} {row.name}": row.losses for row in done.rows}
        loss_curves(curves, title).savefig(in_folder(settings.curves))
    return 0


def _words(attacks: Sequence[str]) -> list[str]:
    """The attacks that the flag names; `all` becomes the usual ones, and the blind attacker is there anyway."""
    return [name for word in attacks if word != FLOOR for name in (USUAL if word == ALL else (word,))]
