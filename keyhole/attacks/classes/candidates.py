"""Draws of z that an attack chooses its starts from: one pool for all classes, sorted by the classifier for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from keyhole.attacks.classes.base import ClassConfidences, ClassWhiteBox, Wanted
from keyhole.priors.gan import TrainedGan

_BATCH = 64


@dataclass(frozen=True)
class Candidates:
    """Draws of z, and what the classifier makes of their pictures and of these mirrored.

    Attributes:
        known: the classifier, or its confidences.
        gan: makes the pictures.
        count: of the draws.
        seed: of the run.
        widest: z is kept within ± this.
    """

    known: ClassWhiteBox | ClassConfidences
    gan: TrainedGan
    count: int
    seed: int
    widest: float = float("inf")

    @cached_property
    def z(self) -> Tensor:
        """count×latent, the same for all classes."""
        drawn = torch.randn(self.count, self.gan.latent, generator=torch.Generator().manual_seed(self.seed))
        return drawn.clamp(-self.widest, self.widest)

    @cached_property
    @torch.no_grad()
    def chances(self) -> Tensor:
        """Probabilities count×K, the mean of a picture's and its mirror image's."""
        rows = []
        for part in torch.split(self.z.to(self.known.device), _BATCH):
            pictures = self.gan.generator(part)
            seen = [self.known.confide(view) for view in (pictures, pictures.flip(-1))]
            rows.append((seen[0] + seen[1]) / 2)
        return torch.cat(rows)

    def best(self, wanted: Wanted) -> Tensor:
        """N×latent: of a class's candidates, the best for its picture 0, the next for its picture 1, and so on; after
        the last one the first again. It depends on class and number alone."""
        return torch.stack([self.z[self._order[number % self.count, label]] for label, number in wanted])

    def first(self, label: int, count: int) -> Tensor:
        """count×latent: the best candidates of a class, or all where there are fewer."""
        return self.z[self._order[:count, label]]

    @cached_property
    def _order(self) -> Tensor:
        return self.chances.argsort(dim=0, descending=True, stable=True)
