"""Private pictures that reconstructions of classes are compared with, as a judge sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.data.labelled import LabelledPictures
from keyhole.judge.centroids import ClassCentroids
from keyhole.judge.identity import IdentityJudge
from keyhole.service.errors import UsageError

NEIGHBOURS = 5
"""That say how near to a private picture another must be to cover it (Naeem et al. 2020)."""


@dataclass(frozen=True, eq=False)
class PrivatePictures:
    """Private pictures of the classes of a target, with the judge's embeddings of them.

    Those that the target learned from are what leaks: distances are taken to them. Who a picture shows is judged by the
    others, which no training and no choice has seen.

    Attributes:
        train: that the target learned from, of the attacked classes; labels are the target's.
        report: that it did not, and nothing was chosen by, of all classes.
        judge: whose embeddings they are.
        train_vectors: of `train`, N×D, unit length.
        report_vectors: of `report`, M×D, unit length.
    """

    train: LabelledPictures
    report: LabelledPictures
    judge: IdentityJudge
    train_vectors: Tensor
    report_vectors: Tensor

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes that there are report pictures of: those among which the judge decides."""
        return self._middles.classes

    @property
    def centroids(self) -> Tensor:
        """Unit vectors K×D, the mean direction of the report pictures of each of `classes`."""
        return self._middles.vectors

    @cached_property
    def _middles(self) -> ClassCentroids:
        return ClassCentroids.of(self.report_vectors, self.report.labels)

    def ranks(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Place of each picture's own class among the centroids, see `ClassCentroids.ranks`.

        Args:
            vectors: N×D, of the pictures.
            labels: N, of the target.
        """
        return self._middles.ranks(vectors, labels)

    def ranks_of_report(self) -> Tensor:
        """`ranks` of the report pictures themselves, each left out of the centroid of its own class; 0 where a class
        has no other."""
        ranks = []
        for at, label in enumerate(self.report.labels.tolist()):
            same = self.report.labels == label
            same[at] = False
            if not same.any():
                ranks.append(0)
                continue
            centroids = self.centroids.clone()
            own = self.classes.index(label)
            centroids[own] = F.normalize(self.report_vectors[same].mean(dim=0), dim=0)
            similar = centroids @ self.report_vectors[at]
            ranks.append(int((similar >= similar[own]).sum()))
        return torch.tensor(ranks)

    def verified(self, vectors: Tensor, labels: Tensor) -> Tensor | None:
        """Share of the report pictures of its class with which the judge takes each picture for one person, N values;
        None where the judge has no threshold of its own."""
        if self.judge.threshold is None:
            return None
        taken = vectors @ self.report_vectors.T > self.judge.threshold
        same = labels[:, None] == self.report.labels[None]
        return (taken & same).sum(dim=1) / same.sum(dim=1)

    def verified_of_report(self) -> Tensor | None:
        """`verified` of the report pictures themselves, each with the others of its class; NaN where there is none."""
        shares = self.verified(self.report_vectors, self.report.labels)
        if shares is None:
            return None
        counts = torch.bincount(self.report.labels)[self.report.labels]
        return (shares * counts - 1) / (counts - 1)  # a picture is taken for itself

    @property
    def verified_of_strangers(self) -> float | None:
        """Share of the pairs of report pictures of two classes that the judge takes for one person: what `verified` is
        by chance. None where the judge has no threshold, or there is one class."""
        apart = self.report.labels[:, None] != self.report.labels[None]
        if self.judge.threshold is None or not apart.any():
            return None
        taken = self.report_vectors @ self.report_vectors.T > self.judge.threshold
        return float(taken[apart].double().mean())

    def nearest(self, vectors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The training picture of its class that the judge finds nearest to each picture.

        Returns:
            Euclidean distances between unit vectors, N, and places among `train`, N.
        """
        distances = _distances(vectors, self.train_vectors)
        other = labels[:, None] != self.train.labels[None]
        found = distances.masked_fill(other, torch.inf).min(dim=1)
        return found.values, found.indices

    def from_the_middle(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Euclidean distance of each picture from the mean embedding of the training pictures of its class: Feat Dist
        of GMI; N values."""
        means = torch.stack([self.train_vectors[self.train.labels == label].mean(dim=0) for label in labels.tolist()])
        distances: Tensor = torch.linalg.vector_norm(vectors - means, dim=1)
        return distances

    def coverage(self, vectors: Tensor, label: int) -> float:
        """Share of a class's training pictures that one of its reconstructions is as near to as their fifth nearest
        neighbour in the class (Naeem et al. 2020, Eq. 4, with one class as the real set); NaN of a class with fewer.

        Args:
            vectors: of the class's reconstructions, N×D.
            label: the class.
        """
        real = self.train_vectors[self.train.labels == label]
        if len(real) <= NEIGHBOURS:
            return float("nan")
        reach = _distances(real, real).sort(dim=1).values[:, NEIGHBOURS]
        return float((_distances(real, vectors).amin(dim=1) <= reach).double().mean())

    def of_class(self, label: int) -> Tensor:
        """The training pictures of a class, N×3×H×W in [0, 1]."""
        return self.train.pictures[self.train.labels == label].float() / 255


def spread(vectors: Tensor) -> float:
    """Mean Euclidean distance between embeddings of a set, each pair once; NaN of fewer than two."""
    return float(torch.pdist(vectors).mean()) if len(vectors) > 1 else float("nan")


def check_judged(private: LabelledPictures, labels: tuple[int, ...], names: tuple[str, ...], what: str) -> None:
    """Refuse classes that are attacked and of which there is no private picture to compare with.

    Raises:
        UsageError: names them.
    """
    if missing := [names[label] for label in labels if label not in set(private.labels.tolist())]:
        raise UsageError(
            f"no {what} of {len(missing)} attacked classes, such as {missing[0]!r}: --private must hold the pictures "
            "that the target was trained on, in folders named after its classes"
        )


def _distances(one: Tensor, other: Tensor) -> Tensor:
    distances: Tensor = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")
    return distances
