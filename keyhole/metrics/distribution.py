"""Scores of sets of pictures: Fréchet distance, Inception Score, and distances of Inception's features.

The network is TensorFlow's Inception of 2015-12-05, which papers compare with.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from piq.feature_extractors import fid_inception as patched
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import inception_v3

from keyhole.metrics.base import check_pair, check_pictures
from keyhole.metrics.recognition import feature_distance, knn_distance
from keyhole.metrics.registry import INCEPTION

_SIZE = 299
_BATCH = 32


def fid(reconstructions: Tensor, truths: Tensor) -> Tensor:
    """Fréchet inception distance between two sets of pictures (Heusel et al. 2017), as pytorch-fid computes it.

    Args:
        reconstructions: N×3×H×W in [0, 1], at least two; resized bilinearly to 299 pixels.
        truths: M×3×H×W, at least two. The sets need not correspond.

    Returns:
        A scalar; smaller is nearer. It falls as the sets grow: compare equal sizes.

    Raises:
        MissingWeightsError: `INCEPTION` is not on this machine.
        ValueError: values leave [0, 1] or are not finite, or a set has fewer than two pictures.
    """
    for name, pictures in (("reconstructions", reconstructions), ("truths", truths)):
        check_pictures(name, pictures)
        if len(pictures) < 2:
            raise ValueError(f"{name}: FID needs two pictures or more")
    network = _network()
    return frechet_distance(_embed(network, reconstructions), _embed(network, truths))


def inception_score(pictures: Tensor, splits: int = 1) -> Tensor:
    """Inception Score of a set of pictures (Salimans et al. 2016); 1008 logits without bias, as in its code.

    Args:
        pictures: N×3×H×W in [0, 1]; resized bilinearly to 299 pixels.
        splits: see `inception_score_of_logits`.

    Returns:
        A scalar from 1 to 1008; greater is better.

    Raises:
        MissingWeightsError: `INCEPTION` is not on this machine.
        ValueError: values leave [0, 1] or are not finite, or there are fewer pictures than splits.
    """
    check_pictures("pictures", pictures)
    if not 1 <= splits <= len(pictures):
        raise ValueError(f"{len(pictures)} pictures do not make {splits} splits")
    network = _network()
    return inception_score_of_logits(_embed(network, pictures) @ network.classes.weight.T, splits)


def inception_score_of_reconstructions(reconstructions: Tensor, _truths: Tensor) -> Tensor:
    """`inception_score` as a metric of the table; the truths are not looked at."""
    return inception_score(reconstructions)


def inception_distance(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Euclidean distance of each picture's Inception features, 2048 of the last pooling, from its truth's.

    Args:
        reconstruction: N×3×H×W in [0, 1]; resized bilinearly to 299 pixels.
        truth: same shape.

    Returns:
        N values; 0 where the two are equal.

    Raises:
        MissingWeightsError: `INCEPTION` is not on this machine.
        ValueError: shapes differ, values leave [0, 1] or are not finite.
    """
    check_pair(reconstruction, truth)
    network = _network()
    return feature_distance(_embed(network, reconstruction), _embed(network, truth))


def nearest_inception_distance(reconstructions: Tensor, truths: Tensor) -> Tensor:
    """Mean distance of the reconstructions' Inception features from the nearest truth's, whoever it shows.

    `keyhole.metrics.knn_distance` over one identity: frames come without names, so that all truths are searched.

    Args:
        reconstructions: N×3×H×W in [0, 1]; resized bilinearly to 299 pixels.
        truths: M×3×H×W.

    Returns:
        A scalar; smaller is nearer. It falls as the truths get more: compare equal sizes.

    Raises:
        MissingWeightsError: `INCEPTION` is not on this machine.
        ValueError: values leave [0, 1] or are not finite.
    """
    check_pictures("reconstructions", reconstructions)
    check_pictures("truths", truths)
    network = _network()
    made, private = _embed(network, reconstructions), _embed(network, truths)
    return knn_distance(made, torch.zeros(len(made)).long(), private, torch.zeros(len(private)).long()).mean()


class Inception(nn.Module):
    """The network, untrained.

    Attributes:
        backbone: N×3×299×299 in [−1, 1] → N×2048, the last average pooling.
        classes: the layer of the 1008 logits.
    """

    def __init__(self) -> None:
        super().__init__()
        backbone = inception_v3(num_classes=1008, aux_logits=False, init_weights=False)
        backbone.Mixed_5b = patched.FIDInceptionA(192, pool_features=32)
        backbone.Mixed_5c = patched.FIDInceptionA(256, pool_features=64)
        backbone.Mixed_5d = patched.FIDInceptionA(288, pool_features=64)
        backbone.Mixed_6b = patched.FIDInceptionC(768, channels_7x7=128)
        backbone.Mixed_6c = patched.FIDInceptionC(768, channels_7x7=160)
        backbone.Mixed_6d = patched.FIDInceptionC(768, channels_7x7=160)
        backbone.Mixed_6e = patched.FIDInceptionC(768, channels_7x7=192)
        backbone.Mixed_7b = patched.FIDInceptionE1(1280)
        backbone.Mixed_7c = patched.FIDInceptionE2(2048)
        self.classes: nn.Linear = backbone.fc
        backbone.fc = nn.Identity()
        self.backbone: nn.Module = backbone
        self.eval().requires_grad_(False)


@cache
def _network() -> Inception:
    state = torch.load(INCEPTION.require(), map_location="cpu", weights_only=True)
    network = Inception()
    network.classes.load_state_dict({name: state.pop(f"fc.{name}") for name in ("weight", "bias")})
    network.backbone.load_state_dict(state)
    return network


def _embed(network: Inception, pictures: Tensor) -> Tensor:
    network.to(pictures.device)
    embeddings = []
    with torch.no_grad():
        for batch in torch.split(pictures.float(), _BATCH):
            sized = interpolate(batch, size=(_SIZE, _SIZE), mode="bilinear", align_corners=False)
            embeddings.append(network.backbone(2 * sized - 1))
    return torch.cat(embeddings)


def frechet_distance(first: Tensor, second: Tensor) -> Tensor:
    """Squared Fréchet distance between the Gaussians fitted to two sets of embeddings (Heusel et al. 2017, equation 6).

    ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½) with unbiased covariances, computed in double precision. The trace of the root
    is the sum of singular values of R₁R₂ᵀ, where RᵀR = Σ, which holds for singular covariances too.

    Args:
        first: N×D, at least two.
        second: M×D, at least two.

    Returns:
        A scalar; 0 where both sets have the same mean and covariance. It falls as the sets grow: compare equal sizes.

    Raises:
        ValueError: not N×D and M×D with N, M ≥ 2, or a value is not finite.
    """
    for embeddings in (first, second):
        if embeddings.dim() != 2 or len(embeddings) < 2 or embeddings.shape[1] != first.shape[-1]:
            raise ValueError(
                f"two sets of two or more embeddings of one length, not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        if not embeddings.isfinite().all():
            raise ValueError("embeddings are not finite")
    (mean_1, root_1), (mean_2, root_2) = _gaussian(first.double()), _gaussian(second.double())
    traces = root_1.square().sum() + root_2.square().sum()
    distance = (mean_1 - mean_2).square().sum() + traces - 2 * torch.linalg.svdvals(root_1 @ root_2.T).sum()
    return torch.as_tensor(distance.clamp_min(0))


def inception_score_of_logits(logits: Tensor, splits: int = 1) -> Tensor:
    """Inception Score, exp of the mean KL divergence of p(y|x) from p(y) (Salimans et al. 2016, section 4).

    Args:
        logits: N×C, of the classes.
        splits: parts, in the order given, whose scores are averaged. Papers with tens of thousands of pictures take 10.

    Returns:
        A scalar from 1 (all pictures alike, or no class preferred) to C.

    Raises:
        ValueError: not N×C, fewer pictures than splits, or a value is not finite.
    """
    if logits.dim() != 2 or not 1 <= splits <= len(logits):
        raise ValueError(f"{tuple(logits.shape)} logits, N×C, do not make {splits} splits")
    if not logits.isfinite().all():
        raise ValueError("logits are not finite")
    return torch.stack([_score(part) for part in logits.double().tensor_split(splits)]).mean()


def _gaussian(embeddings: Tensor) -> tuple[Tensor, Tensor]:
    mean = embeddings.mean(dim=0)
    root = torch.linalg.qr((embeddings - mean) / (len(embeddings) - 1) ** 0.5, mode="r").R
    return mean, root


def _score(logits: Tensor) -> Tensor:
    conditional = logits.log_softmax(dim=1)
    marginal = conditional.logsumexp(dim=0) - math.log(len(logits))
    return (conditional.exp() * (conditional - marginal)).sum(dim=1).mean().exp()
