"""Recognition by a network's answers: accuracy, distances of embeddings, re-identification.

The network that judges is never the one under attack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from keyhole.metrics.base import check_pictures

_BATCH = 256
Embedder = Callable[[Tensor], Tensor]
"""Pictures, N×3×H×W in [0, 1], to embeddings, N×D; its own preprocessing included."""


def top_k_accuracy(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """Share of samples whose class is among the k with the greatest scores.

    A tie counts against the classifier: equal scores for all classes are right never, not by the order of the classes.

    Args:
        scores: N×C, before or after softmax.
        labels: N integers in [0, C).
        k: 1 ≤ k ≤ C.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: shapes do not fit, a label or k is out of range, or a score is not finite.
    """
    if scores.dim() != 2 or scores.numel() == 0 or labels.shape != scores.shape[:1]:
        raise ValueError(f"N×C scores and N labels, not {tuple(scores.shape)} and {tuple(labels.shape)}")
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"k = {k} with {classes} classes")
    if labels.is_floating_point() or not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(f"labels are integers from 0 to {classes - 1}")
    if not scores.isfinite().all():
        raise ValueError("scores are not finite")
    own = scores.gather(1, labels[:, None].long())
    rank = (scores >= own).sum(dim=1)
    return float((rank <= k).double().mean())


def embed(pictures: Tensor, embedder: Embedder, batch: int = 64) -> Tensor:
    """Embeddings of pictures, without gradients.

    Args:
        pictures: N×3×H×W in [0, 1].
        embedder: the judge, in evaluation mode.
        batch: pictures at a time.

    Returns:
        N×D.

    Raises:
        ValueError: values leave [0, 1], or the embedder does not return as many finite vectors.
    """
    check_pictures("pictures", pictures)
    with torch.no_grad():
        embeddings = torch.cat([embedder(part) for part in torch.split(pictures, batch)])
    if len(embeddings) != len(pictures):
        raise ValueError(f"the embedder made {len(embeddings)} embeddings of {len(pictures)} pictures")
    check_embeddings("embeddings", embeddings)
    return embeddings


def feature_distance(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Euclidean distance, not squared, between the embeddings of each reconstruction and of its truth.

    With the mean embeddings of the classes as truths it is the Feat Dist of model inversion (Zhang et al. 2020, GMI).

    Args:
        reconstruction: N×D.
        truth: N×D.

    Returns:
        N values in the embedding's own unit; 0 where the two are equal.

    Raises:
        ValueError: shapes differ, not N×D, or a value is not finite.
    """
    check_embeddings("reconstruction", reconstruction)
    check_embeddings("truth", truth)
    if reconstruction.shape != truth.shape:
        raise ValueError(f"shapes differ: {tuple(reconstruction.shape)} and {tuple(truth.shape)}")
    return torch.as_tensor(torch.linalg.vector_norm(reconstruction - truth, dim=1))


def knn_distance(reconstruction: Tensor, identities: Tensor, private: Tensor, private_identities: Tensor) -> Tensor:
    """KNN Dist: Euclidean distance, not squared, to the nearest private picture of the same identity.

    Defined as in Diff-MI (Evaluation Metrics), which counts only reconstructions that the judge recognises: leave out
    the others.

    Args:
        reconstruction: N×D embeddings.
        identities: N integers, who each picture shows.
        private: M×D embeddings of private pictures.
        private_identities: M integers.

    Returns:
        N values in the embedding's own unit.

    Raises:
        ValueError: shapes do not fit, a value is not finite, or an identity has no private picture.
    """
    check_embeddings("reconstruction", reconstruction, identities)
    check_embeddings("private", private, private_identities)
    if reconstruction.shape[1] != private.shape[1]:
        raise ValueError(f"embeddings of lengths {reconstruction.shape[1]} and {private.shape[1]}")
    same = identities[:, None] == private_identities[None, :]
    if not same.any(dim=1).all():
        absent = sorted(set(identities[~same.any(dim=1)].tolist()))
        raise ValueError(f"no private picture of identities {absent}")
    distances = torch.cdist(reconstruction, private, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.masked_fill(~same, torch.inf).amin(dim=1)


def check_embeddings(name: str, embeddings: Tensor, *labels: Tensor) -> None:
    """Refuse what is not a set of finite vectors with one integer of each kind of label per vector.

    Raises:
        ValueError: it is not.
    """
    if embeddings.dim() != 2 or embeddings.numel() == 0:
        raise ValueError(f"{name}: embeddings are N×D, not {tuple(embeddings.shape)}")
    if not embeddings.is_floating_point() or not embeddings.isfinite().all():
        raise ValueError(f"{name}: embeddings are not finite floating point")
    for label in labels:
        if label.shape != embeddings.shape[:1] or label.is_floating_point():
            raise ValueError(
                f"{name}: labels are {len(embeddings)} integers, not {tuple(label.shape)} of {label.dtype}"
            )


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
