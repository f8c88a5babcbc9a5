"""Examinations: what the judge reads from reconstructions of pictures whose secrets are known, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from keyhole.data.sample import Sample, SecretLabels
from keyhole.judge.judge import Judge
from keyhole.judge.loading import find_judge
from keyhole.judge.reading import Enrolment, SecretReader, identity_rank_1, read_secrets, streetcam_views
from keyhole.judge.recovery import Recovery, Share, summarise

GALLERY = 100
"""Pictures of a pool whose vehicles a reconstruction's is looked up among: the same for every attack, so that one that
saw few pictures has no easier question."""
LEAST_VEHICLES = 10
"""That must be enrolled before one is looked up among them, as for the monitor."""


def recovered(pictures: Tensor, samples: Sequence[Sample]) -> dict[str, Share]:
    """`keyhole.judge.recovery.SecretRecovery.shares` of reconstructions, by the judge that is shipped.

    Args:
        pictures: reconstructions, N×3×H×W in [0, 1].
        samples: the truths of all N, in their order; vehicles are looked up among those of further ones too.

    Returns:
        Empty where no picture has secrets, or there is no judge.
    """
    shown = [place for place, sample in enumerate(samples[: len(pictures)]) if sample.secrets]
    known = judge_and_gallery(samples) if shown else None
    if known is None:
        return {}
    judge, gallery = known
    return summarise(examine(judge, pictures[shown], _labels(samples[place] for place in shown), gallery)).shares()


def judge_and_gallery(samples: Iterable[Sample]) -> tuple[Judge, Mapping[str, Tensor]] | None:
    """The shipped judge with the embeddings of all vehicles of some truths; None where there is no judge."""
    return _judge_and_gallery(tuple(dict.fromkeys(label.identity for label in _labels(samples))))


@lru_cache(maxsize=1)
def _judge_and_gallery(identities: tuple[str, ...]) -> tuple[Judge, Mapping[str, Tensor]] | None:
    judge = find_judge()
    return (judge, enrol(judge, identities)) if judge else None


def _labels(samples: Iterable[Sample]) -> list[SecretLabels]:
    return [sample.secrets for sample in samples if sample.secrets]


@torch.inference_mode()
def enrol(reader: SecretReader, identities: Iterable[str], enrolment: Enrolment = streetcam_views) -> dict[str, Tensor]:
    """Embeddings of enrolled pictures, by identity; without the identities that have none."""
    views = {identity: enrolment(identity) for identity in identities}
    return {identity: reader.embed(shown) for identity, shown in views.items() if shown is not None}


@torch.inference_mode()
def examine(
    reader: SecretReader, pictures: Tensor, labels: Sequence[SecretLabels], gallery: Mapping[str, Tensor]
) -> list[Recovery]:
    """What a judge reads from each picture, and whether it finds the vehicle among those of a gallery.

    Vehicles are looked up where all of the pictures' and `LEAST_VEHICLES` or more are enrolled.

    Args:
        reader: the judge.
        pictures: reconstructions, N×3×H×W in [0, 1].
        labels: of the N truths.
        gallery: embeddings of enrolled pictures, by identity.
    """
    found = read_secrets(reader, pictures, labels)
    names = [label.identity for label in labels]
    if len(gallery) < LEAST_VEHICLES or not gallery.keys() >= set(names):
        return found
    probes = reader.embed(pictures)
    hits = [identity_rank_1(probes[at : at + 1], [name], gallery) == 1 for at, name in enumerate(names)]
    return [replace(one, identified=hit, gallery=len(gallery)) for one, hit in zip(found, hits, strict=True)]
