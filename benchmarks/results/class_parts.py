"""What losses do for attacks on classes, and what each part of Diff-MI does (Table X)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.class_worlds import GAN
from benchmarks.results.classes import DIFF_MI_PARTS, Classes
from benchmarks.results.inversions import NEAREST, TOP1, InversionRun, more, number, percent
from benchmarks.results.page import table
from benchmarks.results.steps import Step

LOSSES = ("ce", "poincare", "max-margin", "logit", "top-k", "ce:p-reg=1", "top-k:p-reg=1")
ATTACKS = ("latent", "mirror")
_COLUMNS: Mapping[str, str] = {"recognised, top 1": TOP1, "top 5": "top5", "verified": "verified"}


@dataclass(frozen=True)
class ClassLosses:
    """One table: the same searches, each minimising every loss of the table; the attack's own other settings stay.

    Attributes:
        classes: whose target and generator are used.
    """

    classes: Classes

    @cached_property
    def runs(self) -> Mapping[str, Step]:
        """By loss."""
        world = self.classes.world
        flags = ("--metrics", "psnr", "--seed", "1")
        return {
            loss: world.invert(
                f"loss-{loss.replace(':', '-').replace('=', '')}",
                world.target,
                ATTACKS,
                (world.generator(GAN),),
                flags=(*flags, "--loss", loss),
            )
            for loss in LOSSES
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(self.runs.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured, and which losses beat cross-entropy."""
        found = {loss: run for loss, step in self.runs.items() if (run := InversionRun.read(step, root))}
        if not found:
            return {"losses": "Not measured."}
        rows = [
            [f"`{attack}`", f"`{loss}`", *(percent(run.mean(attack, figure)) for figure in _COLUMNS.values()),
             number(run.mean(attack, NEAREST))]
            for attack in ATTACKS
            for loss, run in found.items()
        ]  # fmt: skip
        plain = found.get("ce")
        claims = [
            ClassClaim(
                f"{loss} gets more than cross-entropy",
                [(attack, more(run.by_class(attack), plain.by_class(attack))) for attack in ATTACKS],
            )
            for loss, run in found.items()
            if plain and loss != "ce"
        ]
        return {"losses": f"{table(['attack', 'loss', *_COLUMNS, 'KNN'], rows)}\n\n{listed(claims)}"}


@dataclass(frozen=True)
class DiffMiParts:
    """One table: Diff-MI whole, and without one of its parts each.

    Attributes:
        classes: whose run it is.
    """

    classes: Classes

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (self.classes.diffusion,)

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured, and which parts help."""
        run = InversionRun.read(self.classes.diffusion, root)
        if run is None:
            return {"diff-mi-parts": "Not measured."}
        whole = "diff-mi"
        rows = [
            [
                f"`{word}`",
                *(percent(run.mean(word, figure)) for figure in _COLUMNS.values()),
                number(run.mean(word, NEAREST)),
                number(run.mean(word, "frechet_distance_judge")),
                number(run.mean(word, "psnr"), 1),
            ]
            for word in (whole, *DIFF_MI_PARTS)
        ]
        claims = []
        for word in DIFF_MI_PARTS:
            gained = more(run.by_class(whole), run.by_class(word))
            nearer = more(run.by_class(word, NEAREST), run.by_class(whole, NEAREST))
            claims.append(ClassClaim(f"Diff-MI whole is recognised more often than {word}", [("", gained)]))
            claims.append(ClassClaim(f"Diff-MI whole is nearer to private pictures than {word}", [("", nearer)], "", 1))
        headings = ["", *_COLUMNS, "KNN", "Fréchet", "PSNR, dB"]
        return {"diff-mi-parts": f"{table(headings, rows)}\n\n{listed(claims)}"}
