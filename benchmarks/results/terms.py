"""What each term of PATROL does, and how large the adversarial one must be to do anything (Table II)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.claims import Claim, Leaks, claims
from benchmarks.results.designs import PRUNING, PRUNING_FLAGS, ROOM, Setup, World, patrol_setup, patrol_trainings
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, less_text, score_text
from benchmarks.results.steps import Step

BETA = 4e-3
"""β of the recipe `fast`."""
PUBLISHED = {
    PRUNING: "5.4 %, 8.3 %, 7.1 %",
    "term-adversarial": "5.0 %, 10.3 %, 10.9 %",
    "term-lipschitz": "5.7 %, 9.5 %, 9.5 %",
    "patrol": "3.2 %, 11.9 %, 10.9 %",
    "term-blocks": "10.5 %, 9.2 %, 9.5 %",
    "term-unpruned": "–, 1.8 %, 7.1 %",
}
"""Tables II, III and V of PATROL: drops of accuracy, PSNR and SSIM from two unpruned blocks; they do not say whether
that of accuracy is in points."""


@dataclass(frozen=True)
class Terms:
    """One table: the terms of PATROL, with β of the recipe, ten and thirty times it, against the black box."""

    world: World

    @cached_property
    def setups(self) -> tuple[Setup, ...]:
        """A row each; the first is not pruned, the second is the one that the others are compared with."""
        unpruned = ("--terms", "adversarial", "lipschitz")
        world, adversarial = self.world, ("--terms", "pruning", "adversarial")
        louder = (
            patrol_setup(
                world,
                f"term-adversarial-{times}",
                f"pruning, adversarial with {times} times β",
                (*adversarial, "--beta", f"{times * BETA:g}"),
            )
            for times in (10, 30)
        )
        return (
            Setup("shallow", "unpruned, `layer2`", world, ROOM),
            patrol_setup(world, PRUNING, "pruning alone", PRUNING_FLAGS),
            patrol_setup(world, "term-adversarial", "pruning, adversarial", adversarial),
            *louder,
            patrol_setup(world, "term-lipschitz", "pruning, Lipschitz", ("--terms", "pruning", "lipschitz")),
            patrol_setup(world, "patrol", "all: PATROL"),
            patrol_setup(
                world, "term-blocks", "all, residual mappings in place of channels", ("--structures", "blocks")
            ),
            Setup(
                "term-unpruned",
                "adversarial, Lipschitz; unpruned, `layer2`",
                world,
                ROOM,
                patrol_trainings(world, "term-unpruned", world.batches, unpruned, ("--cut", ROOM)),
                "pruned:{model}",
            ),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps; white boxes are left out."""
        return tuple(step for setup in self.setups for step in (*setup.trainings, *setup.attacks["black"]))

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured."""
        leaks = {setup.name: setup.leak("black", root) for setup in self.setups}
        whole, alone = leaks["shallow"], leaks[PRUNING]
        rows = []
        for setup in self.setups[1:]:
            leak = leaks[setup.name]
            ranks = setup.figures("rank_1", root), setup.figures("rank_1_unpruned", root)
            points = f"{_mean(ranks[1]) - _mean(ranks[0]):.1f} points" if ranks[0] else NOT_YET
            drops = NOT_YET
            if leak and whole:
                shares = (100 * (1 - leak.mean(name).mean / whole.mean(name).mean) for name in ("psnr", "ssim"))
                drops = ", ".join((points, *(f"{share:.0f} %" for share in shares)))
            less = less_text(leak, alone) if leak and alone and leak is not alone else ""
            told = score_text(leak) if leak else NOT_YET
            rows.append([setup.title, setup.rank_1(root), told, less, drops, PUBLISHED.get(setup.name, "")])
        drop = "drop of rank-1, PSNR, SSIM"
        headings = ["", "rank-1", "black box", "SSIM less than pruning alone", drop, "published"]
        return {"terms": f"{table(headings, rows)}\n\n{self._claims({name: {'black': leaks[name]} for name in leaks})}"}

    def _claims(self, leaks: Mapping[str, Leaks]) -> str:
        """Table II of the paper, claim by claim."""
        alone = leaks[PRUNING]
        terms = {
            "adversarial training": "term-adversarial",
            "adversarial training with 10 times β": "term-adversarial-10",
            "adversarial training with 30 times β": "term-adversarial-30",
            "Lipschitz regularisation": "term-lipschitz",
        }
        return claims(
            [
                *(
                    Claim(f"{text} protects further than pruning alone", leaks[name], alone)
                    for text, name in terms.items()
                ),
                Claim("both together protect further than pruning alone", leaks["patrol"], alone),
                Claim("both protect without pruning too", leaks["term-unpruned"], leaks["shallow"]),
                Claim("channels protect more than residual mappings", leaks["patrol"], leaks["term-blocks"]),
            ]
        )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
