"""How near pictures come in the space of a judge's embeddings. The judge is never the network under attack."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from keyhole.metrics.pictures import check_pictures

Embedder = Callable[[Tensor], Tensor]
"""Pictures, N×3×H×W in [0, 1], to embeddings, N×D; its own preprocessing included."""


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
        identities: N integers, whom each shows.
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
