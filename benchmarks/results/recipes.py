"""The white boxes as the paper has them (recipes ``paper`` and ``noise``) beside ours, on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.claims import Claim, claims
from benchmarks.results.designs import CUT, ROOM, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step

OURS = "strong"
RECIPES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pixels-white": {OURS: (ROOM, CUT), "paper": (ROOM, CUT)},
    "decoder-white": {OURS: (ROOM, CUT), "paper": (ROOM, CUT)},
    "diffusion-white": {OURS: (ROOM, CUT), "noise": (ROOM, CUT), "paper": (CUT,)},
}
"""By attack, by recipe, the cuts. The paper's diffusion samples 1,500 times 20 steps for a picture: one cut alone."""


@dataclass(frozen=True)
class Recipes:
    """One table: what each recipe gets, and for how many passes of the U-Net."""

    world: World

    @cached_property
    def attacks(self) -> dict[tuple[str, str, str], Step]:
        """By attack, recipe and cut."""
        count = ("--n", str(self.world.white), "--batch", "8")
        return {
            (attack, recipe, cut): Step(
                f"recipes-{attack}-{recipe}-{cut}",
                "scores",
                ("attack", *self.world.model, "--attacks", f"{attack}/{recipe}", "--cuts", cut, *count),
            )
            for attack, recipes in RECIPES.items()
            for recipe, cuts in recipes.items()
            for cut in cuts
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(self.attacks.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured."""
        runs = {key: step.scores(root) for key, step in self.attacks.items() if step.done(root)}
        leaks = {key: Leak.of([run]) for key, run in runs.items()}
        rows = []
        for attack, recipes in RECIPES.items():
            for recipe in recipes:
                cells: list[str] = []
                for cut in (ROOM, CUT):
                    key = attack, recipe, cut
                    if key not in self.attacks:
                        cells += ["", ""]
                    elif key not in runs:
                        cells += [NOT_YET, ""]
                    else:
                        row = runs[key]["rows"][0]
                        cells += [score_text(leaks[key]), f"{row['unet_passes']:,.0f}"]
                rows.append([f"`{attack}/{recipe}`", *cells])
        costs = "U-Net passes"
        headings = ["attack", f"`{ROOM}`", costs, f"`{CUT}`", costs]
        return {"recipes": f"{table(headings, rows)}\n\n{claims(_claims(leaks))}"}


def _claims(leaks: Mapping[tuple[str, str, str], Leak]) -> list[Claim]:
    return [
        Claim(
            f"`{attack}/{recipe}` gets less than ours at `{cut}`",
            {"white": leaks.get((attack, recipe, cut))},
            {"white": leaks.get((attack, OURS, cut))},
        )
        for attack, recipes in RECIPES.items()
        for recipe, cuts in recipes.items()
        if recipe != OURS
        for cut in cuts
    ]
