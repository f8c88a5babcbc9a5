"""PATROL and its rivals with the same care: one cut, one memory of the edge, one number of training batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.claims import Claim, Leaks, claims
from benchmarks.results.designs import BOXES, CUT, ROOM, Box, Setup, World, patrol_setup, patrol_trainings, spread
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, less_text, score_text, stronger
from benchmarks.results.steps import Step

RIVALS: Mapping[str, tuple[str, str, str]] = {
    "nopeek": ("NoPeek, weight 50", "nopeek:weight=50", "none"),
    "app": ("APP, weight 200", "app:weight=200", "none"),
    "disco": ("DISCO, half of the channels", "disco:share=0.5", "channel-filter:file={model}/mechanism.safetensors"),
    "shredder": (
        "Shredder, weight 1",
        "shredder:weight=1,most=10",
        "learned-noise:file={model}/mechanism.safetensors",
    ),
    "noise": ("Gaussian noise, 1 deviation", "noise-aware:defence=gaussian:scale=1", "gaussian:scale=1"),
    "skip": ("a quarter of the connections skipped", "skip:share=0.25", "none"),
}
"""By name: what the row is called, ``--method`` and ``--defence``."""


@dataclass(frozen=True)
class Defences:
    """What each design costs and leaks, what it leaks less than pruning alone, and whether the black box converged."""

    world: World

    @cached_property
    def setups(self) -> tuple[Setup, ...]:
        """A row each; the third is the one that the others are compared with."""
        world = self.world
        paper = ("--recipe", "paper", "--stages", "64:30")
        return (
            Setup("shallow", "unpruned, `layer2`: the same memory", world, ROOM),
            Setup("whole", "unpruned, `layer3`: 2.7 times the memory", world, CUT),
            patrol_setup(world, "pruning", "pruning alone", ("--terms", "pruning")),
            patrol_setup(world, "patrol", "PATROL, recipe `fast`"),
            Setup(
                "patrol-paper",
                "PATROL, recipe `paper` with as many batches",
                world,
                CUT,
                patrol_trainings(world, "patrol-paper", world.batches, paper),
                "pruned:{model}",
            ),
            *(self._rival(name, *rival) for name, rival in RIVALS.items()),
        )

    @cached_property
    def longer(self) -> tuple[Setup, ...]:
        """The first and the third row, whose black box trains twice as long."""
        twice = dataclasses.replace(self.world, steps=2 * self.world.steps)
        chosen = (self.setups[0], self.setups[2])
        return tuple(
            dataclasses.replace(setup, name=f"{setup.name}-longer", world=twice, trainings=setup.trainings[:1])
            for setup in chosen
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        longer = (step for setup in self.longer for step in setup.attacks["black"])
        return (*(step for setup in self.setups for step in setup.steps()), *longer)

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        leaks = {setup.name: {box: setup.leak(box, root) for box in BOXES} for setup in self.setups}
        alone = leaks["pruning"]
        unpruned = spread(self.setups[2].figures("rank_1_unpruned", root), 1, " %")
        costs = table(
            ["design", "batches; steps of the model", "rank-1", "white box", "black box", "the judge reads"],
            [
                [
                    setup.title,
                    setup.spent(root),
                    setup.rank_1(root) if setup.trainings else unpruned,
                    *(score_text(leak) if leak else NOT_YET for leak in leaks[setup.name].values()),
                    _read(leaks[setup.name]),
                ]
                for setup in self.setups
            ],
        )
        gains = table(
            ["SSIM less than pruning alone", "white box", "black box"],
            [
                [setup.title, *(_less(leaks[setup.name][box], alone[box]) for box in BOXES)]
                for setup in self.setups
                if setup.name != "pruning"
            ],
        )
        return {
            "defences": costs,
            "defences-gains": f"{gains}\n\n{self._claims(leaks)}",
            "defences-convergence": self._convergence(root),
        }

    def _claims(self, leaks: Mapping[str, Leaks]) -> str:
        patrol, alone = leaks["patrol"], leaks["pruning"]
        shorter = {name: title for name, (title, _, _) in RIVALS.items()}
        return claims(
            [
                Claim("a pruned, deeper head leaks less than the unpruned one in its memory", alone, leaks["shallow"]),
                Claim("pruning itself protects: less than the unpruned head at the same cut", alone, leaks["whole"]),
                Claim("PATROL's two terms protect further than pruning alone", patrol, alone),
                Claim("the paper's own recipe protects further than pruning alone", leaks["patrol-paper"], alone),
                *(Claim(f"PATROL leaks less than {title}", patrol, leaks[name]) for name, title in shorter.items()),
            ]
        )

    def _convergence(self, root: Path) -> str:
        rows = []
        for longer in self.longer:
            name = longer.name.removesuffix("-longer")
            (setup,) = (each for each in self.setups if each.name == name)
            first = dataclasses.replace(setup, trainings=setup.trainings[:1])
            usual, more = first.leak("black", root), longer.leak("black", root)
            rows.append([setup.title, _less(usual, more)])
        steps = self.world.steps
        return table(["black box", f"SSIM more with {2 * steps} steps than with {steps}"], rows)

    def _rival(self, name: str, title: str, method: str, defence: str) -> Setup:
        world = self.world
        first = world.batches // 2
        before = patrol_trainings(world, f"pruning-{first}", first, ("--terms", "pruning"))
        budget = ("--teacher", "resnet18-streetcam", "--batches", str(world.batches - first))
        told = ("train", "defence", "--method", method, "--target", "pruned:{pruned}", "--cut", CUT, *world.data)
        trainings = tuple(
            Step(f"{name}-{seed}", "folder", (*told, *budget, "--seed", str(seed)), {"pruned": pruned})
            for seed, pruned in enumerate(before)
        )
        return Setup(name, f"pruning, then {title}", world, CUT, trainings, "defended:{model}", defence)


def _read(leaks: Mapping[Box, Leak | None]) -> str:
    found: Sequence[Leak] = [leak for leak in leaks.values() if leak]
    return stronger(*found).read_text() if len(found) == len(BOXES) else NOT_YET


def _less(leak: Leak | None, other: Leak | None) -> str:
    return less_text(leak, other) if leak and other else NOT_YET
