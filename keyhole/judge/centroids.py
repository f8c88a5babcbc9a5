"""Centroids of classes in a judge's space: which class a picture is nearest to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class ClassCentroids:
    """The middles of classes among which a judge decides.

    Attributes:
        classes: labels of the classes that there are pictures of, rising.
        vectors: unit vectors K×D, the mean direction of the pictures of each.
    """

    classes: tuple[int, ...]
    vectors: Tensor

    @classmethod
    def of(cls, embeddings: Tensor, labels: Tensor) -> Self:
        """Of unit vectors N×D and the class of each, N."""
        classes = tuple(sorted(set(labels.tolist())))
        means = [embeddings[labels == label].mean(dim=0) for label in classes]
        return cls(classes, F.normalize(torch.stack(means), dim=1))

    def ranks(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Place of each picture's own class, 1 for the nearest; ties count against it.

        Args:
            embeddings: N×D.
            labels: N, each one of `classes`.
        """
        similar = embeddings @ self.vectors.T
        own = torch.tensor([self.classes.index(label) for label in labels.tolist()])
        return (similar >= similar.gather(1, own[:, None])).sum(dim=1)

    def nearest(self, embeddings: Tensor) -> Tensor:
        """The class that each picture N×D is nearest to, N labels."""
        return torch.tensor(self.classes)[(embeddings @ self.vectors.T).argmax(dim=1)]
