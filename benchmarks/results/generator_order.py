"""Pixels, decoder and diffusion model at some cuts of one target: scores, and the order that the paper finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from benchmarks.results.claims import less_on_same
from benchmarks.results.class_claims import ClassClaim
from benchmarks.results.designs import BOXES, Box, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, leaks_by_cut, score_text
from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE

GENERATORS: Mapping[str, str] = {"pixels": "DO", "decoder": "DB", "diffusion": "DMB"}
"""Each with the paper's name of it."""
Leaks = Mapping[str, Mapping[str, Leak]]
"""By attack, by cut."""


@dataclass(frozen=True)
class GeneratorOrder:
    """The attacks of both boxes on one target, a step for each.

    Attributes:
        name: of its steps.
        target: as `keyhole attack` names it.
        cuts: the shallowest first.
        world: budgets.
        needs: steps that the target's name uses.
    """

    name: str
    target: str
    cuts: tuple[str, ...]
    world: World
    needs: tuple[tuple[str, Step], ...] = ()

    @cached_property
    def attacks(self) -> Mapping[str, Step]:
        """By attack."""
        return {
            f"{generator}-{box}": self._step(f"{generator}-{box}", box) for box in BOXES for generator in GENERATORS
        }

    def leaks(self, root: Path) -> Leaks:
        """What is measured."""
        found = {attack: step.scores(root) for attack, step in self.attacks.items() if step.done(root)}
        return {attack: leaks_by_cut(run) for attack, run in found.items()}

    def scores(self, root: Path) -> str:
        """A row for each attack, a column for each cut."""
        leaks = self.leaks(root)
        rows = []
        for box in BOXES:
            for generator, name in GENERATORS.items():
                by_cut = leaks.get(f"{generator}-{box}", {})
                cells = (score_text(by_cut[cut]) if cut in by_cut else NOT_YET for cut in self.cuts)
                rows.append([f"`{generator}-{box}`", name, _pictures(by_cut), *cells])
        floors = {cut: leak for by_cut in leaks.values() for cut, leak in by_cut.items() if leak.blind}
        blind = (Mean.of(floors[cut].blind[HEADLINE]).text(3) if cut in floors else NOT_YET for cut in self.cuts)
        rows.append(["blind attacker", "", "", *blind])
        return table(["attack", "paper's", "pictures", *(f"`{cut}`" for cut in self.cuts)], rows)

    def claims(self, root: Path) -> Iterator[ClassClaim]:
        """The paper's order: of the generators at every cut, and of the cuts for every attack."""
        leaks = self.leaks(root)
        for box in BOXES:
            for less, more in pairwise(GENERATORS):
                gains = [(f"`{cut}`", _gain(leaks, f"{more}-{box}", f"{less}-{box}", cut)) for cut in self.cuts]
                text = f"{box} box: {GENERATORS[more]} gets more than {GENERATORS[less]} at every cut"
                yield ClassClaim(text, gains, "SSIM", 1)
        for box in BOXES:
            for generator, name in GENERATORS.items():
                by_cut = leaks.get(f"{generator}-{box}", {})
                falls = [(f"`{one}` to `{next_}`", _fall(by_cut, one, next_)) for one, next_ in pairwise(self.cuts)]
                yield ClassClaim(f"{box} box: {name} gets less from deeper cuts", falls, "SSIM", 1)

    def _step(self, attack: str, box: Box) -> Step:
        world = self.world
        budget: tuple[str, ...] = ("--n", str(world.white), "--batch", "8")
        if box == "black":
            seeds = ("--seeds", *map(str, range(world.trainings)))
            budget = ("--n", str(world.black), "--batch", "20", "--iterations", str(world.steps), *seeds)
        told = ("attack", "--target", self.target, *world.model, "--attacks", attack, "--cuts", *self.cuts)
        return Step(f"{self.name}-{attack}", "scores", (*told, *budget), dict(self.needs))


def _pictures(by_cut: Mapping[str, Leak]) -> str:
    return str(min(len(leak.pictures(HEADLINE)) for leak in by_cut.values())) if by_cut else ""


def _gain(leaks: Leaks, more: str, less: str, cut: str) -> Mean | None:
    one, other = leaks.get(more, {}).get(cut), leaks.get(less, {}).get(cut)
    return less_on_same(other, one) if one and other else None


def _fall(by_cut: Mapping[str, Leak], shallow: str, deep: str) -> Mean | None:
    return less_on_same(by_cut[deep], by_cut[shallow]) if {shallow, deep} <= set(by_cut) else None
