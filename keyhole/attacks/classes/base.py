"""Contracts of class attacks: knowledge, what a classifier answers, and attacks that picture its training classes.

An attack is built from a `ClassWhiteBox`, a `ClassConfidences`, a `ClassLabels` or a `ClassBlind` and nothing else, so
it cannot know more.
None sees a frame, and none holds a private picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.missing import no_prior
from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

ClassKnowledge = Literal["white box", "confidences", "labels", "blind"]
_BATCH = 64


def no_generator(kind: str) -> Path:
    """The trained generator of an attack for which none was named.

    Raises:
        UsageError: always; says how one is made.
    """
    raise UsageError(
        f"this attack makes pictures with a trained generator of kind {kind}: `keyhole train prior --kind {kind} …` "
        "makes one, and --generators names its folder"
    )


@dataclass(frozen=True)
class Wanted:
    """Pictures that an attack is asked for.

    Attributes:
        labels: N integers, the class of each.
        numbers: N integers, which picture of its class each is, from 0 on. Label and number together seed a picture,
            so that it is the same whatever is made beside it.

    Raises:
        ValueError: not as many numbers as labels, or none.
    """

    labels: Tensor
    numbers: Tensor

    def __post_init__(self) -> None:
        if self.labels.dim() != 1 or not len(self.labels) or self.numbers.shape != self.labels.shape:
            raise ValueError(f"N labels and N numbers, not {tuple(self.labels.shape)} and {tuple(self.numbers.shape)}")

    @classmethod
    def each(cls, labels: Sequence[int], count: int = 1) -> Self:
        """``count`` pictures of each of the classes, class by class.

        >>> Wanted.each([3, 5], 2).labels.tolist(), Wanted.each([3, 5], 2).numbers.tolist()
        ([3, 3, 5, 5], [0, 1, 0, 1])
        """
        pairs = [(label, number) for label in labels for number in range(count)]
        return cls(*map(torch.tensor, zip(*pairs, strict=True)))

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: slice | Sequence[int]) -> Wanted:
        """Some of them."""
        return Wanted(self.labels[chosen], self.numbers[chosen])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Label and number of each."""
        return iter(list(zip(self.labels.tolist(), self.numbers.tolist(), strict=True)))


class Answer(NamedTuple):
    """What a classifier makes of N pictures.

    Attributes:
        logits: N×K, before softmax.
        features: N×D, the activations before its last layer.
    """

    logits: Tensor
    features: Tensor


@dataclass(frozen=True)
class ClassBlind:
    """What every attacker has: pictures of the same world that show none of the private classes, and a prior.

    Attributes:
        classes: K, how many the classifier tells apart.
        size: of its pictures in pixels.
        public: the public pictures, N×3×H×W in [0, 1], always the same in the same order.
        prior: loads what is known of pictures; called only by attacks that use it.
        generators: finds the folder of the attacker's own trained generator of a kind (its card says ``kind``); called
            only by attacks that use one.
        device: where it computes; what comes in and goes out is on the CPU.
    """

    classes: int
    size: Size
    public: Callable[[], Tensor]
    prior: Callable[[], Prior] = no_prior
    generators: Callable[[str], Path] = no_generator
    device: torch.device = CPU


@dataclass(frozen=True, kw_only=True)
class ClassLabels(ClassBlind):
    """Labels only: the classifier says which class it takes a picture for.

    Attributes:
        label: RGB pictures in [0, 1], N×3×H×W, to N integers.
    """

    label: Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class ClassConfidences(ClassBlind):
    """Confidences: the classifier says how probable it finds each class.

    Attributes:
        confide: RGB pictures in [0, 1], N×3×H×W, to probabilities N×K, on the CPU.
    """

    confide: Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class ClassWhiteBox(ClassBlind):
    """The classifier with all its weights, its defence among them.

    Attributes:
        classify: RGB pictures in [0, 1], N×3×H×W, to answers, differentiably; in evaluation mode, its weights without
            gradient.
    """

    classify: Callable[[Tensor], Answer]

    @torch.no_grad()
    def confide(self, pictures: Tensor) -> Tensor:
        """As of `ClassConfidences`."""
        return self.classify(pictures.to(self.device)).logits.softmax(dim=1).cpu()

    @cached_property
    def public_answers(self) -> Answer:
        """What the classifier makes of all public pictures, on the CPU."""
        with torch.no_grad():
            parts = [self.classify(part.to(self.device)) for part in torch.split(self.public(), _BATCH)]
        return Answer(*(torch.cat([each.cpu() for each in tensors]) for tensors in zip(*parts, strict=True)))

    def best_liked(self, label: int, count: int) -> Tensor:
        """Places of the public pictures that the classifier takes for a class with the greatest probability, best
        first: top-n selection, as the code of PLG-MI and Diff-MI does it (their papers sort by the logit).

        Args:
            label: the class.
            count: how many; fewer where there are fewer pictures.
        """
        chances = self.public_answers.logits.double().log_softmax(dim=1)[:, label]
        return chances.argsort(descending=True, stable=True)[:count]


@dataclass(frozen=True)
class ClassAccess:
    """What an attacker has access to, by what it knows; each is only looked up when an attack of that kind runs.

    Attributes:
        white: the classifier with its weights.
        confidences: its probabilities.
        labels: its decisions.
        blind: public pictures and priors.
    """

    white: Callable[[], ClassWhiteBox]
    confidences: Callable[[], ClassConfidences]
    labels: Callable[[], ClassLabels]
    blind: Callable[[], ClassBlind]


class ClassAttack(Protocol):
    """Pictures classes that a classifier was trained on."""

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """Better and better pictures; the last ones are final. May be abandoned at any time.

        Args:
            wanted: N pictures of classes.

        Returns:
            Estimates with N pictures each, in the order of what is wanted. A picture depends on its own label and
            number alone, not on the others that are made beside it.
        """
        ...
