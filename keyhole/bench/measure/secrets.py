"""What the judge reads from reconstructions, where a judge is shipped and the pictures have secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from keyhole.data import Sample
from keyhole.data.sample import SecretLabels
from keyhole.judge.enrolment import Enrolment, streetcam_views
from keyhole.judge.find import find_judge
from keyhole.judge.judge import Judge
from keyhole.judge.reader import Reader
from keyhole.judge.reading import identity_rank_1, read_secrets
from keyhole.judge.recovery import Share, summarise

GALLERY = 100
"""Pictures of the pool whose vehicles a reconstruction's is looked up among: the same for every attack, so that one
that saw few pictures has no easier question."""
LEAST_VEHICLES = 10
"""That must be enrolled before one is looked up among them, as for the monitor."""


def recovered(pictures: Tensor, samples: Sequence[Sample]) -> dict[str, Share]:
    """`keyhole.judge.recovery.SecretRecovery.shares` of reconstructions.

    Args:
        pictures: reconstructions, N×3×H×W in [0, 1].
        samples: the truths of all N, in their order; vehicles are looked up among those of further ones too.

    Returns:
        Empty where no picture has secrets, or there is no judge.
    """
    labels = {place: sample.secrets for place, sample in enumerate(samples) if sample.secrets is not None}
    shown = [place for place in labels if place < len(pictures)]
    known = _acquainted(tuple(dict.fromkeys(label.identity for label in labels.values()))) if shown else None
    return read_by(known[0], pictures[shown], [labels[place] for place in shown], known[1]) if known else {}


@lru_cache(maxsize=1)
def _acquainted(identities: tuple[str, ...]) -> tuple[Judge, Mapping[str, Tensor]] | None:
    judge = find_judge()
    return (judge, enrol(judge, identities)) if judge else None


@torch.inference_mode()
def enrol(reader: Reader, identities: Iterable[str], enrolment: Enrolment = streetcam_views) -> dict[str, Tensor]:
    """Embeddings of enrolled pictures, by identity; without the identities that have none."""
    views = {identity: enrolment(identity) for identity in identities}
    return {identity: reader.embed(shown) for identity, shown in views.items() if shown is not None}


@torch.inference_mode()
def read_by(
    reader: Reader, pictures: Tensor, labels: Sequence[SecretLabels], gallery: Mapping[str, Tensor]
) -> dict[str, Share]:
    """`recovered`, by a judge that is given and among vehicles that are given.

    Vehicles are looked up where all of the pictures' and `LEAST_VEHICLES` or more are enrolled.
    """
    found = summarise(read_secrets(reader, pictures, labels))
    names = [label.identity for label in labels]
    if len(gallery) >= LEAST_VEHICLES and gallery.keys() >= set(names):
        rank_1 = identity_rank_1(reader.embed(pictures), names, gallery)
        found = replace(found, identities=len(names), identity_rank_1=rank_1, gallery_mean=float(len(gallery)))
    return found.shares()
