"""Attacks that look for a distribution of pictures of each class, and draw from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.search import ClassSearch


@dataclass(frozen=True)
class DistributionSearch:
    """One distribution for each class, and a draw from it for each picture.

    Attributes:
        search: of the distributions; its generator draws at each call.
    """

    search: ClassSearch

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        classes = sorted(set(wanted.labels.tolist()))
        rows = torch.tensor([classes.index(label) for label in wanted.labels.tolist()])
        for found in self.search.optimise(Wanted.each(classes)):
            one, variable = found.estimate, found.variable[rows.to(found.variable.device)]
            losses = found.losses[rows]
            yield self.search.found(wanted, variable, losses, one.iteration, one.seconds, final=one.final).estimate
