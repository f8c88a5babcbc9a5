"""Targeted projected gradient descent: the last touch of Diff-MI (§III-B.2; Madry et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from keyhole.attacks.base import UNWATCHED, Budget, RunSettings
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.losses import CrossEntropy, LossFunction
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Optimiser, SearchObjective


@dataclass(frozen=True)
class Pgd:
    """Hyper-parameters, as Diff-MI's code has them; cross-entropy, a random start on the ball, the best point is kept.

    Attributes:
        radius: ε of the L2 ball about the picture.
        step: length of each.
        iterations: steps.
    """

    radius: float = 0.5
    step: float = 0.1
    iterations: int = 10


@dataclass(frozen=True)
class AroundPictures:
    """Pictures plus a change of them, which is the variable. It starts on the ball.

    Attributes:
        pictures: N×3×H×W in [0, 1].
        radius: of the ball.
    """

    pictures: Tensor
    radius: float

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W of length `radius`."""
        drawn = random.uniform(*self.pictures.shape[1:], low=-0.5, high=0.5).to(self.pictures)
        return self.projected(self.radius * unit_length(drawn), drawn)

    def projected(self, change: Tensor, _start: Tensor) -> Tensor:
        """The nearest change within the ball, then the nearest that leaves pictures within [0, 1]."""
        lengths = change.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        inside: Tensor = change * (self.radius / lengths.clamp_min(self.radius))
        return (self.pictures + inside).clamp(0, 1) - self.pictures

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W."""
        return self.pictures + variable


def unit_length(values: Tensor) -> Tensor:
    """N×… divided by its length, each by its own."""
    lengths = values.flatten(1).norm(dim=1).clamp_min(torch.finfo(values.dtype).tiny)
    scaled: Tensor = values / lengths.view(-1, *[1] * (values.dim() - 1))
    return scaled


def descend(pictures: Tensor, wanted: Wanted, known: ClassWhiteBox, how: Pgd, run: RunSettings) -> Tensor:
    """Pictures N×3×H×W near others that the classifier takes for their classes rather.

    Args:
        pictures: in [0, 1], on the device.
        wanted: N.
        known: the classifier.
        how: hyper-parameters.
        run: seed and clock.
    """
    around = AroundPictures(pictures, how.radius)
    loss: LossFunction = CrossEntropy().ready(known)
    steps = SearchObjective([ClassTerm(known.classify, loss)], Optimiser("sgd", how.step), turned=unit_length)
    search = ClassSearch(
        around,
        [steps],
        # The last point counts too, and a point is judged when the next step leaves it.
        replace(run, budget=Budget(how.iterations + 1), watch=replace(UNWATCHED, interval=float("inf"))),
        projected=around.projected,
        keep_best=True,
        device=known.device,
    )
    *_, found = search.optimise(wanted)
    return around(found.variable, wanted.labels, PictureRandom(wanted, run.seed)).clamp(0, 1)
