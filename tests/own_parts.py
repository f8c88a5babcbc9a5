"""An attack, a defence, a metric and a training method, as a user writes them in a package of their own."""

# ruff: noqa: ARG002, RUF012 - users need not satisfy this repository's linter, and some of these are wrong on purpose

from dataclasses import dataclass

import torch

from keyhole.attacks.base import Estimate
from keyhole.attacks.entry import AttackEntry, Cost, Rung, Spend
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.defences import Defence
from keyhole.metrics import Metric
from keyhole.sizes import height_width
from keyhole.train.defences.nopeek import NoPeek


class Grey:
    """White box: a grey picture of every frame."""

    knowledge = "white box"
    iterations = 3

    def __init__(self, known, run):
        self.known, self.run = known, run

    def reconstruct(self, frames):
        steps = min(self.iterations, self.run.budget.iterations)
        for _ in range(steps):
            self.run.watch.noted(0.25)
            self.run.watch.stepped()
        grey = torch.full((len(frames), 3, *height_width(self.known.size)), 0.5)
        yield Estimate(grey, steps, 0.1, 0.25, final=True)


class Mean:
    """Black box: the mean of the pictures that it has asked about."""

    knowledge = "black box"

    def __init__(self, known, run):
        self.known, self.run = known, run

    def __enter__(self):
        shown = torch.stack([next(self.known.public) for _ in range(4)])
        self.known.oracle.query(shown)
        self.mean = shown.mean(0, keepdim=True)
        return self

    def __exit__(self, *_):
        pass

    def reconstruct(self, frames):
        yield Estimate(self.mean.repeat(len(frames), 1, 1, 1), 1, 0.1, 0.0, final=True)


@dataclass(frozen=True)
class GreyRecipe(WhiteBoxRecipe):
    steps_each: int

    @property
    def iterations(self):
        return self.steps_each

    def make(self, known, run):
        return Grey(known, run)


FAMILY = AttackEntry(
    {"strong": GreyRecipe(2), "fast": GreyRecipe(1)},
    cost=Cost(1.0, 100.0),
    budgets={"quick": Spend(n=3, iterations=2, batch=3)},
)


class Twice:
    learns = False

    def steps(self, queries=None):
        return 3

    def rungs(self, access, run, stack):
        return tuple(Rung(name, "white box", Grey(access.white(), run(name))) for name in ("first", "second"))


LADDER = AttackEntry({"strong": Twice()})


class Unsaid:
    def reconstruct(self, frames):
        return iter(())


@dataclass(frozen=True)
class Half(Defence):
    """Half of every number."""

    share: float = 0.5

    def protect(self, features, generator):
        return tuple(self.share * tensor for tensor in features)

    def comparable(self, features, observed):
        return tuple(self.share * tensor for tensor in features), observed


def _darkness(reconstructions, truths):
    return (reconstructions.mean((1, 2, 3)) - truths.mean((1, 2, 3))).abs()


@dataclass(frozen=True)
class Trained(NoPeek):
    """NoPeek by another name."""


DARKNESS = Metric("darkness", "Darkness", _darkness, "lower")
SQUARES = Metric("squares", "Squares", lambda reconstructions, truths: (reconstructions - truths).square(), "lower")


class Faulty(Grey):
    def reconstruct(self, frames):
        yield from ()


class Small(Grey):
    def reconstruct(self, frames):
        yield Estimate(torch.zeros(len(frames), 3, 8, 8), 1, 0.1, 0.0, final=True)


class Endless(Grey):
    def reconstruct(self, frames):
        grey = torch.full((len(frames), 3, *height_width(self.known.size)), float("inf"))
        yield Estimate(grey, 1, 0.1, 0.0, final=True)


class Costly(Grey):
    cost = 3


class Lavish(Grey):
    budgets = {"quik": Spend(n=3, iterations=2)}


class Knowing(Grey):
    def __init__(self, known, run):
        super().__init__(known, run)
        known.prior()


class Unable:
    knowledge = "white box"
