"""Designs of a study: how each is trained, and how it is attacked."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from benchmarks.results.scores import NOT_YET, Leak
from benchmarks.results.steps import Step

Box = Literal["white", "black"]
BOXES: tuple[Box, Box] = ("white", "black")
CUT, ROOM = "layer3", "layer2"
"""Where heads of the studies end, and the unpruned one in whose memory they must fit."""
HEAD = ("--cut", CUT, "--room", ROOM)
PRUNING, PRUNING_FLAGS = "pruning", ("--terms", "pruning")


@dataclass(frozen=True)
class World:
    """Sizes and budgets of a study on streetcam with the shipped ResNet-18; at 64 px it is as cheap as it gets.

    Attributes:
        side: of the pictures, in pixels.
        trainings: seeds of each training, from 0 on.
        batches: of 64 pictures that every training takes.
        white: pictures of a white box.
        black: pictures of a black box.
        steps: of a black box's training.
    """

    side: int = 64
    trainings: int = 3
    batches: int = 360
    white: int = 32
    black: int = 100
    steps: int = 600

    @property
    def model(self) -> tuple[str, ...]:
        """Flags of the target's size."""
        return ("--size", str(self.side))

    @property
    def data(self) -> tuple[str, ...]:
        """Flags of every training."""
        drawn = ("--data", "streetcam", "--identities", "500", "--views", "8", "--held-out", "100", "--probes", "4")
        return (*self.model, *drawn, "--pictures", "{cache}", "--batch", "64", "--workers", "1")

    def attack(self, box: Box) -> tuple[str, ...]:
        """Flags of an attack: the strongest white box with the prior, or a black box with three seeds."""
        if box == "white":
            return ("attack", *self.model, "--attacks", "diffusion-white", "--n", str(self.white), "--batch", "8")
        budget = ("--n", str(self.black), "--batch", "20", "--iterations", str(self.steps), "--seeds", "0", "1", "2")
        return ("attack", *self.model, "--attacks", "decoder-black", *budget)


@dataclass(frozen=True)
class Setup:
    """A design, and its trainings and attacks.

    Attributes:
        name: of its steps.
        title: of its row.
        world: sizes and budgets.
        cut: where it is attacked.
        trainings: one step for each seed; none where it is not trained.
        target: how `keyhole attack` names it; ``{model}`` stands for the folder of the training.
        defence: at run time.
    """

    name: str
    title: str
    world: World
    cut: str
    trainings: tuple[Step, ...] = ()
    target: str = "resnet18-streetcam"
    defence: str = "none"

    @cached_property
    def attacks(self) -> dict[Box, tuple[Step, ...]]:
        """The steps of each box: white boxes, which take long, of the first training, black boxes of all."""
        trainings = self.trainings or (None,)
        return {
            "white": (self._attack("white", trainings[0]),),
            "black": tuple(self._attack("black", training) for training in trainings),
        }

    def steps(self) -> Iterator[Step]:
        """All steps."""
        yield from self.trainings
        for steps in self.attacks.values():
            yield from steps

    def leak(self, box: Box, root: Path) -> Leak | None:
        """What was measured; None where not all is."""
        steps = self.attacks[box]
        return Leak.of([step.scores(root) for step in steps]) if all(step.done(root) for step in steps) else None

    def figures(self, name: str, root: Path) -> list[float]:
        """A figure of the card of each training that has ended."""
        return [step.card(root)["figures"][name] for step in self.trainings if step.done(root)]

    def rank_1(self, root: Path) -> str:
        """Rank-1 of the report's vehicles: the mean of the trainings, and the lowest and the highest."""
        return spread(self.figures("rank_1", root), 1, " %")

    def spent(self, root: Path) -> str:
        """Batches and steps of the model that the first training took."""
        if not self.trainings or not self.trainings[0].done(root):
            return "0" if not self.trainings else NOT_YET
        took = [step.card(root)["recipe"]["spent"] for step in (self.trainings[0], *self.trainings[0].needs.values())]
        return f"{sum(each['batches'] for each in took)}; {sum(each['model_steps'] for each in took)}"

    def _attack(self, box: Box, training: Step | None) -> Step:
        seed = "" if training is None else f"-{self.trainings.index(training)}"
        needs = {} if training is None else {"model": training}
        told = ("--target", self.target, "--cuts", self.cut, "--defence", self.defence)
        return Step(f"{self.name}{seed}-{box}", "scores", (*self.world.attack(box), *told), needs)


def patrol_trainings(
    world: World, name: str, batches: int, flags: tuple[str, ...], head: tuple[str, ...] = HEAD
) -> tuple[Step, ...]:
    """Trainings of PATROL, or of what flags leave of it.

    The first training of all comes before the others, because it draws the pictures.
    """
    told = ("train", "patrol", *head, *world.data)
    budget = (*_budget(world.batches, PRUNING_FLAGS), "--seed", "0")
    first = Step(f"{PRUNING}-0", "folder", ("train", "patrol", *HEAD, *world.data, *budget))
    made = (
        Step(f"{name}-{seed}", "folder", (*told, *_budget(batches, flags), "--seed", str(seed)), after=(first,))
        for seed in range(world.trainings)
    )
    return tuple(first if step.digest == first.digest else step for step in made)


def patrol_setup(world: World, name: str, title: str, flags: tuple[str, ...] = ()) -> Setup:
    """A row of PATROL by its recipe `fast`, or of what flags leave of it."""
    return Setup(name, title, world, CUT, patrol_trainings(world, name, world.batches, flags), "pruned:{model}")


def _budget(batches: int, flags: tuple[str, ...]) -> tuple[str, ...]:
    stages = () if "--stages" in flags else ("--stages", "64:2", "--rest", "64:4")
    return ("--batches", str(batches), *stages, *flags)


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """Mean, lowest and highest of a few values, as text."""
    if not values:
        return NOT_YET
    ends = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{unit}{ends}"
