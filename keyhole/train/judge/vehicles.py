"""The vehicles of the drawn pictures: those that are learned from, and those that are kept for the trial."""

from __future__ import annotations

import torch
from torch import Tensor

from keyhole.evaluation.reidentification import Trial
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.tasks.reid.pictures import IdentifiedPictures

_HELD_OUT = 15
"""One vehicle of so many is kept to see how well the others were learned."""


def vehicles(data: TruePictures) -> tuple[IdentifiedPictures, Trial]:
    """Pictures to train with and the trial; the last vehicles, one in fifteen and two at least, are in the latter.

    A picture of each vehicle in the trial is searched for among the others.
    """
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
