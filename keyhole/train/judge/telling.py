"""How the judge learns to tell vehicles apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.data.streetcam.identity import vehicle
from keyhole.data.streetcam.pools import identity_range
from keyhole.judge.identity import PREPROCESS
from keyhole.judge.judge import Judge
from keyhole.train.judge.description import describe
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.judge.spoil import spoil
from keyhole.train.recipe import Stages
from keyhole.train.reid.pictures import IdentifiedPictures
from keyhole.train.reid.recipes import ReidRecipe
from keyhole.train.reid.task import Reidentification
from keyhole.train.reid.teacher import Teaching
from keyhole.train.reid.trial import Trial

_WORLD = 0
_HELD_OUT = 15
"""One vehicle of so many is kept to see how well the others were learned."""


@dataclass(frozen=True)
class TellingRecipe(ReidRecipe):
    """As a target of re-identification is trained, with spoilt pictures.

    Attributes:
        clean: share of the pictures that are not spoilt.
    """

    stages: Stages = ((64, 16), (96, 8), (128, 4))
    learning_rate: float = 1e-3
    clean: float = 0.5


class TellingApart(Reidentification):
    """See `Reidentification`. The network is the one in a judge's embedder.

    Besides telling vehicles apart it learns to say how they are (see `describe`), as others learn from a teacher: a
    network that learned from the attacked model instead would share its blind spots.

    Args:
        judge: whose embedder is trained.
        data: true pictures of the pool ``public``; the last vehicles, one in fifteen and two at least, are kept for
            the trial.
        recipe: the hyper-parameters.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """

    recipe: TellingRecipe

    def __init__(self, judge: Judge, data: TruePictures, recipe: TellingRecipe) -> None:
        train, trial = _parts(data)
        seen = [vehicle(_WORLD, number) for number in identity_range("public")[: train.count]]
        teaching = Teaching(describe(seen)[train.identities], recipe.teaching)
        super().__init__(judge.embedder.network, train, trial, PREPROCESS, recipe, teaching=teaching)

    def augmented(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        return spoil(super().augmented(pictures, size, generator), generator, self.recipe.clean)


def _parts(data: TruePictures) -> tuple[IdentifiedPictures, Trial]:
    known = (data.identities != UNKNOWN).nonzero().flatten()
    count = int(data.identities.max()) + 1
    held_out = max(2, count // _HELD_OUT)
    unseen = data.identities[known] >= count - held_out
    train, test = (_identified(data, known[which]) for which in (~unseen, unseen))
    first = torch.cat([torch.tensor([True]), test.identities[1:] != test.identities[:-1]])
    probes, gallery = (which.nonzero().flatten().tolist() for which in (first, ~first))
    return train, Trial(test, tuple(probes), tuple(gallery))


def _identified(data: TruePictures, places: Tensor) -> IdentifiedPictures:
    """Pictures with identities from 0; cameras are not kept, so that all count as different."""
    identities = data.identities[places]
    return IdentifiedPictures(data.pictures[places], identities - int(identities.min()), torch.arange(len(places)))
