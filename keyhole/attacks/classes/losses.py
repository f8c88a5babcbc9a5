"""Losses of pictures as a classifier sees them: one table for all attacks that picture its training classes.

l are the logits before softmax, y the class that is to be pictured, p the activations before the last layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.attacks.classes.base import Answer, ClassWhiteBox
from keyhole.named_settings import parse_settings
from keyhole.service.errors import UsageError, unknown_name

LossFunction = Callable[[Answer, Tensor], Tensor]
"""(answer of N pictures, their N labels) to N losses."""
Towards = Literal["class", "mean", "draw"]
LIKED = 30
"""Public pictures whose features make a class's centroid; top-n selection of PLG-MI's and Diff-MI's code."""
_SPREAD_OVER = 5000
_SEED = 0


@dataclass(frozen=True)
class ClassLoss(ABC):
    """A loss by the logits, and, where it is asked for, the distance of the features from those of public pictures.

    The sum of the two is Eq. 9 of Diff-MI: L + α·L_p-reg.

    Attributes:
        p_reg: α, weight of the distance; 0: none.
        towards: what the distance is taken from: ``class``, the mean of the features of the `LIKED` public pictures
            that the classifier takes for the class most (Eq. 8 of Diff-MI); ``mean``, the mean of the features of
            public pictures (code of LOMMA), or ``draw``, a draw from the Gaussian about it (paper of LOMMA).
    """

    p_reg: float = 0.0
    towards: str = "class"

    def __post_init__(self) -> None:
        if self.p_reg < 0 or self.towards not in get_args(Towards):
            raise UsageError(
                f"p-reg={self.p_reg:g},towards={self.towards}: expected 0 or more, and {', '.join(get_args(Towards))}"
            )

    @abstractmethod
    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """N losses of logits N×K and N labels."""

    def ready(self, known: ClassWhiteBox) -> LossFunction:
        """The loss of answers and labels; the classifier is asked about all public pictures where it needs them, once.

        Args:
            known: the classifier and public pictures.
        """
        if not self.p_reg:
            return lambda answer, labels: self.of_logits(answer.logits, labels)
        centre = cache(REFERENCES[self.towards](known))

        def loss(answer: Answer, labels: Tensor) -> Tensor:
            near = torch.stack([centre(label) for label in labels.tolist()]).to(answer.features)
            return self.of_logits(answer.logits, labels) + self.p_reg * feature_distance(answer.features, near)

        return loss


def feature_distance(features: Tensor, centres: Tensor) -> Tensor:
    """L_p-reg: mean over the D dimensions of (p − p_reg)², N values.

    Eq. 8 of Diff-MI writes the squared length, which is D times as much; its code, to which its α of 1 belongs, takes
    the mean.

    Args:
        features: N×D, of the pictures.
        centres: N×D, p_reg of their classes.
    """
    return (features - centres).square().mean(dim=1)


Reference = Callable[[int], Tensor]
"""A class to its p_reg, D numbers."""


def liked_centroids(known: ClassWhiteBox) -> Reference:
    """p_reg of Diff-MI: by class the mean features of the public pictures that the classifier takes for it most."""
    return lambda label: known.public_answers.features[known.best_liked(label, LIKED)].mean(dim=0)


def public_mean(known: ClassWhiteBox) -> Reference:
    """p_reg of LOMMA's code: the mean features of 5,000 public pictures at most, for every class."""
    return lambda _: known.public_answers.features[:_SPREAD_OVER].mean(dim=0)


def public_draws(known: ClassWhiteBox) -> Reference:
    """p_reg of LOMMA's paper: by class a draw from one Gaussian with the mean and the deviation, dimension by
    dimension, of public pictures' features. A class's draw is the same whichever other classes are asked for."""

    def drawn(label: int) -> Tensor:
        spread, centre = torch.std_mean(known.public_answers.features[:_SPREAD_OVER], dim=0)
        random = torch.Generator().manual_seed(_SEED + label)
        return centre + spread * torch.randn(centre.shape, generator=random)

    return drawn


REFERENCES: Mapping[str, Callable[[ClassWhiteBox], Reference]] = MappingProxyType(
    {"class": liked_centroids, "mean": public_mean, "draw": public_draws}
)
"""What p-reg draws features towards, by name."""


@dataclass(frozen=True)
class CrossEntropy(ClassLoss):
    """−log softmax(l)_y, as GMI, KED-MI and VMI take it."""

    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `ClassLoss`."""
        return F.cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True)
class Poincare(ClassLoss):
    """Distance in the Poincaré ball between l/‖l‖₁ and the class, of PPA (Struppek et al. 2022, Eq. 5).

    Attributes:
        inside: how far the class's own point, the one-hot vector, lies inside of the ball's edge.
    """

    inside: float = 1e-4

    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """arcosh(1 + 2‖u − v‖² / ((1 − ‖u‖²)(1 − ‖v‖²))), u = l/‖l‖₁, v = one-hot·(1 − inside)."""
        u = logits / logits.abs().sum(dim=1, keepdim=True).clamp_min(_LEAST)
        v = (1 - self.inside) * F.one_hot(labels, logits.shape[1]).to(logits)
        apart = (u - v).square().sum(dim=1)
        edges = (1 - u.square().sum(dim=1)).clamp_min(_LEAST) * (1 - v.square().sum(dim=1))
        return torch.acosh(1 + 2 * apart / edges + _LEAST)


@dataclass(frozen=True)
class MaxMargin(ClassLoss):
    """−l_y + max over j ≠ y of l_j: Eq. 6 of Diff-MI, of PLG-MI."""

    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `ClassLoss`."""
        return others(logits, labels).amax(dim=1) - own(logits, labels)


@dataclass(frozen=True)
class Logit(ClassLoss):
    """−l_y, the raw logit: LOMMA's identity loss."""

    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `ClassLoss`."""
        return -own(logits, labels)


@dataclass(frozen=True)
class TopMargins(ClassLoss):
    """−l_y + the mean of the k largest of the other logits: Eq. 7 of Diff-MI, as its code has it (Eq. 7 leaves open how
    the k are taken together). With k = 1 it is `MaxMargin`.

    Attributes:
        k: how many; None: 20, the paper's for 1,000 classes, or a tenth of the classes, whichever is less, and 1 at
            least.
    """

    k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k is not None and self.k < 1:
            raise UsageError(f"k={self.k}: expected 1 or more")

    def of_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See `ClassLoss`."""
        classes = logits.shape[1]
        k = min(self.k or max(1, min(20, classes // 10)), classes - 1)
        return others(logits, labels).topk(k, dim=1).values.mean(dim=1) - own(logits, labels)


_LEAST = 1e-7
LOSSES: Mapping[str, type[ClassLoss]] = MappingProxyType(
    {"ce": CrossEntropy, "poincare": Poincare, "max-margin": MaxMargin, "logit": Logit, "top-k": TopMargins}
)
"""By name."""


def loss_named(word: str, flag: str = "--loss") -> ClassLoss:
    """The loss of a word: a name with its settings.

    >>> loss_named("top-k:k=5,p-reg=1")
    TopMargins(p_reg=1.0, towards='class', k=5)

    Args:
        word: ``ce``, ``poincare``, ``max-margin``, ``logit`` or ``top-k``, and after a colon ``p-reg=1`` and the like.
        flag: that it was given by, for messages.

    Raises:
        UsageError: no such loss or setting.
    """
    name, _, settings = word.partition(":")
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    return parse_settings(flag, word, name, settings, LOSSES[name])


def own(logits: Tensor, labels: Tensor) -> Tensor:
    """l_y, N values."""
    return logits.gather(1, labels[:, None]).squeeze(1)


def others(logits: Tensor, labels: Tensor) -> Tensor:
    """l with −∞ in the place of l_y, N×K."""
    return logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -torch.inf)
