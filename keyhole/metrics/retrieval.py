"""Re-identification: whether the gallery's entries of a probe's identity come first."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from keyhole.metrics.embedding import check_embeddings

_BATCH = 256


@dataclass(frozen=True)
class Views:
    """Pictures of identities by cameras.

    Attributes:
        embeddings: N×D.
        identities: N integers.
        cameras: N integers.
    """

    embeddings: Tensor
    identities: Tensor
    cameras: Tensor


@dataclass(frozen=True)
class Retrieval:
    """What `retrieve` measures; all but the counts are fractions in [0, 1], greater is better.

    Attributes:
        rank_1: share of probes whose nearest gallery entry is a match; the cumulative matching characteristic at 1.
        rank_5: share of probes with a match among the first 5.
        rank_10: share of probes with a match among the first 10.
        mean_ap: mAP, the mean over probes of the average precision over the whole gallery.
        mean_inp: mINP, the mean over probes of matches / rank of the last match.
        probes: probes that were scored.
        excluded: probes without any match in the gallery, which no figure counts.
    """

    rank_1: float
    rank_5: float
    rank_10: float
    mean_ap: float
    mean_inp: float
    probes: int
    excluded: int


def retrieve(probes: Views, gallery: Views) -> Retrieval:
    """Score a gallery that is ranked by cosine similarity for each probe.

    As for Market-1501 (Zheng et al. 2015) and in fast-reid: for each probe, gallery entries of its identity *and* its
    camera are dropped first. Average precision is the mean of the precision at each match; mINP is that of Ye et al.
    2021 (AGW). Equal similarities keep the gallery's order.

    Raises:
        ValueError: shapes do not fit, a value is not finite, or no probe has a match.
    """
    for name, views in (("probes", probes), ("gallery", gallery)):
        check_embeddings(name, views.embeddings, views.identities, views.cameras)
    if probes.embeddings.shape[1] != gallery.embeddings.shape[1]:
        raise ValueError(f"embeddings of lengths {probes.embeddings.shape[1]} and {gallery.embeddings.shape[1]}")
    directions = normalize(gallery.embeddings.double())
    batches = range(0, len(probes.identities), _BATCH)
    rows = torch.cat([_rows(_part(probes, start), gallery, directions) for start in batches])
    if not len(rows):
        raise ValueError("no probe has a match in the gallery")
    rank_1, rank_5, rank_10, mean_ap, mean_inp = rows.mean(dim=0).tolist()
    return Retrieval(rank_1, rank_5, rank_10, mean_ap, mean_inp, len(rows), len(probes.identities) - len(rows))


def _part(views: Views, start: int) -> Views:
    part = slice(start, start + _BATCH)
    return Views(views.embeddings[part], views.identities[part], views.cameras[part])


def _rows(probes: Views, gallery: Views, directions: Tensor) -> Tensor:
    """One row for each probe that has a match: hit at 1, 5 and 10, average precision, inverse negative penalty."""
    same = probes.identities[:, None] == gallery.identities[None, :]
    dropped = same & (probes.cameras[:, None] == gallery.cameras[None, :])
    similarity = normalize(probes.embeddings.double()) @ directions.T
    order = similarity.masked_fill(dropped, -torch.inf).argsort(dim=1, descending=True, stable=True)
    match = (same & ~dropped).gather(1, order)
    match = match[match.any(dim=1)].double()
    found, rank = match.cumsum(dim=1), torch.arange(1, match.shape[1] + 1, device=match.device)
    total = match.sum(dim=1)
    hits = [(found[:, :k] > 0).any(dim=1) for k in (1, 5, 10)]
    average_precision = (match * found / rank).sum(dim=1) / total
    inverse_negative_penalty = total / (match * rank).amax(dim=1)
    return torch.stack([*hits, average_precision, inverse_negative_penalty], dim=1)
