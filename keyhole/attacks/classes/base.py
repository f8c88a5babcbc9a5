"""Contracts of class attacks: knowledge, what a classifier answers, and attacks that picture its training classes.

An attack is built from a `ClassWhiteBox`, a `ClassLabels` or a `ClassBlind` and nothing else, so it cannot know more.
None sees a frame, and none holds a private picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate, no_prior
from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior
from keyhole.sizes import Size

ClassKnowledge = Literal["white box", "labels", "blind"]


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
        device: where it computes; what comes in and goes out is on the CPU.
    """

    classes: int
    size: Size
    public: Callable[[], Tensor]
    prior: Callable[[], Prior] = no_prior
    device: torch.device = CPU


@dataclass(frozen=True, kw_only=True)
class ClassLabels(ClassBlind):
    """Labels only: the classifier says which class it takes a picture for.

    Attributes:
        label: RGB pictures in [0, 1], N×3×H×W, to N integers.
    """

    label: Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class ClassWhiteBox(ClassBlind):
    """The classifier with all its weights, its defence among them.

    Attributes:
        classify: RGB pictures in [0, 1], N×3×H×W, to answers, differentiably; in evaluation mode, its weights without
            gradient.
    """

    classify: Callable[[Tensor], Answer]


class ClassAttack(Protocol):
    """Pictures classes that a classifier was trained on."""

    def recall(self, labels: Tensor) -> Iterator[Estimate]:
        """Better and better pictures; the last ones are final. May be abandoned at any time.

        Args:
            labels: N integers, the classes to picture; the same class several times makes several pictures of it.

        Returns:
            Estimates with N pictures each, in the order of the labels. A picture depends on its own label and place
            alone, not on the others that are made beside it.
        """
        ...
