"""What the judge reads from reconstructions, where a judge is shipped and the pictures have secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from keyhole.data import Sample
from keyhole.judge.enrolment import Enrolment, streetcam_views
from keyhole.judge.find import find_judge
from keyhole.judge.reader import Reader
from keyhole.judge.reading import identity_rank_1, read_secrets
from keyhole.judge.recovery import SecretRecovery, summarise

LEAST_VEHICLES = 10
"""That must have been seen before one is looked up among them, as for the monitor."""


def recovered(pictures: Tensor, samples: Sequence[Sample]) -> dict[str, float]:
    """Shares by name: ``plate`` (glyphs), ``identity`` (rank 1 among enrolled pictures) and the people's attributes.

    Args:
        pictures: reconstructions, N×3×H×W in [0, 1].
        samples: their truths.

    Returns:
        Empty where no picture has secrets, or there is no judge.
    """
    labelled = [place for place, sample in enumerate(samples) if sample.secrets is not None]
    judge = find_judge() if labelled else None
    if judge is None:
        return {}
    return read_by(judge, pictures[labelled], [samples[place] for place in labelled])


@torch.inference_mode()
def read_by(
    reader: Reader, pictures: Tensor, samples: Sequence[Sample], enrolment: Enrolment = streetcam_views
) -> dict[str, float]:
    """`recovered`, by a judge that is given; every sample has secrets."""
    labels = [sample.secrets for sample in samples if sample.secrets is not None]
    found = summarise(read_secrets(reader, pictures, labels))
    names = [label.identity for label in labels]
    views = {name: enrolment(name) for name in dict.fromkeys(names)}
    gallery = {name: reader.embed(shown) for name, shown in views.items() if shown is not None}
    if LEAST_VEHICLES <= len(gallery) == len(views):
        rank_1 = identity_rank_1(reader.embed(pictures), names, gallery)
        found = replace(found, identities=len(names), identity_rank_1=rank_1, gallery_mean=float(len(gallery)))
    return _shares(found)


def _shares(found: SecretRecovery) -> dict[str, float]:
    shares = {"plate": found.glyph_accuracy, "identity": found.identity_rank_1}
    people = {name: score.accuracy for name, score in found.attributes.items()}
    return {**{name: share for name, share in shares.items() if share is not None}, **people}
