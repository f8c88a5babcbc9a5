"""NoPeek (Vepakomma et al. 2020, "NoPeek: Information leakage reduction to share activations in distributed deep
learning"): features that depend less on the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.train.defences.base import DefenceMethod, DefenceStep, DefenceTraining, check_range
from keyhole.train.split import Split


@dataclass(frozen=True)
class NoPeek(DefenceMethod):
    """Head and tail minimise the task's loss plus a weight times the distance correlation of pictures and features.

    The paper weighs both terms and trains from scratch; here the task's weight is 1 and the training starts from a
    trained target. The correlation is that of a batch, as in the paper's definition; for few pictures of many numbers
    this estimate is biased upwards.

    Attributes:
        weight: of the distance correlation.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_range("weight", self.weight)

    def training(self, split: Split) -> DefenceTraining:
        return _Correlating(self, split)


class _Correlating(DefenceTraining):
    def __init__(self, settings: NoPeek, split: Split) -> None:
        self.module = split.task.module
        self._settings, self._split = settings, split

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        split = self._split
        features = split.features(step.inputs)
        correlation = distance_correlation(split.pictures(step.inputs), features)
        return {
            "task": split.prediction_loss(features, step.labels),
            "correlation": self._settings.weight * correlation,
        }


def distance_correlation(one: Tensor, other: Tensor) -> Tensor:
    """The sample distance correlation of Székely, Rizzo and Bakirov 2007 (definition 4), a scalar in [0, 1].

    The distances of all pairs are centred by row and column; the mean of the two matrices' product is the squared
    covariance V²(X, Y), and the correlation is √(V²(X, Y) / √(V²(X, X)·V²(Y, Y))); 0 where one of them is constant.

    Args:
        one: N samples of any shape.
        other: N samples of any shape.
    """
    centred = [_centred(samples.flatten(1).float()) for samples in (one, other)]
    covariance, own, others = ((a * b).mean() for a, b in (centred, (centred[0],) * 2, (centred[1],) * 2))
    tiny = torch.finfo(covariance.dtype).tiny
    return (covariance / (own * others).clamp_min(tiny).sqrt()).clamp_min(1e-12).sqrt()


def _centred(samples: Tensor) -> Tensor:
    """Euclidean distances, N×N, less the means of their row and column, plus the mean of all.

    A distance of 0, from a sample to itself or to its equal, has the gradient 0.
    """
    distances = torch.cdist(samples, samples, compute_mode="donot_use_mm_for_euclid_dist")
    return distances - distances.mean(0, keepdim=True) - distances.mean(1, keepdim=True) + distances.mean()
