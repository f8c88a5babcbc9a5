"""Rows without an attack: public pictures, shown of a class as they are. What an attack gets above them is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassAttack, ClassBlind, ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import BlindClassRecipe, ClassRun, WhiteBoxClassRecipe
from keyhole.attacks.classes.randomness import PictureRandom

AVERAGED = 30
"""Public pictures of the mean of the best."""


@dataclass(frozen=True)
class ShownPictures:
    """Shows a picture of each class that needs no steps.

    Attributes:
        choose: label and number of a picture to the picture, 3×H×W.
    """

    choose: Callable[[int, int], Tensor]

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """The pictures, at once."""
        pictures = torch.stack([self.choose(label, number) for label, number in wanted])
        yield Estimate(pictures, iteration=1, seconds=0.0, loss=0.0, final=True)


class _OneStep:
    """What recipes of chosen pictures have in common."""

    @property
    def iterations(self) -> int:
        """One: there is nothing to optimise."""
        return 1


@dataclass(frozen=True)
class PublicBest(_OneStep, WhiteBoxClassRecipe):
    """The public picture that the classifier takes for the class with the greatest probability; the second picture of a
    class is the second best, and so on, and after the last one the first again. It uses the classifier's answers."""

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassAttack:  # noqa: ARG002
        """The row."""
        return ShownPictures(lambda label, number: known.public()[nth_liked(known, label, number)])


@dataclass(frozen=True)
class PublicMeanBest(_OneStep, WhiteBoxClassRecipe):
    """The mean of the public pictures that the classifier takes for the class most. It uses the classifier's answers.

    Attributes:
        count: pictures.
    """

    count: int = AVERAGED

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassAttack:  # noqa: ARG002
        """The row."""
        return ShownPictures(lambda label, _: known.public()[known.best_liked(label, self.count)].mean(dim=0))


@dataclass(frozen=True)
class PublicMean(_OneStep, BlindClassRecipe):
    """The mean of all public pictures, whichever the class. Nobody asks the classifier."""

    def make(self, known: ClassBlind, run: ClassRun) -> ClassAttack:  # noqa: ARG002
        """The row."""
        mean = known.public().mean(dim=0)
        return ShownPictures(lambda _label, _number: mean)


@dataclass(frozen=True)
class PublicRandom(_OneStep, BlindClassRecipe):
    """A random public picture. Nobody asks the classifier."""

    def make(self, known: ClassBlind, run: ClassRun) -> ClassAttack:
        """The row."""
        pictures = known.public()

        def choose(label: int, number: int) -> Tensor:
            wanted = Wanted(torch.tensor([label]), torch.tensor([number]))
            return pictures[int(PictureRandom(wanted, run.seed, "random").below(len(pictures)))]

        return ShownPictures(choose)


def nth_liked(known: ClassWhiteBox, label: int, number: int) -> int:
    """Place of the public picture that the classifier likes best but ``number`` others; after the last, the first."""
    pictures = len(known.public())
    return int(known.best_liked(label, pictures)[number % pictures])
