"""Scores of sets of pictures by the Inception network that papers compare with (TensorFlow's of 2015-12-05)."""

from __future__ import annotations

from functools import cache

import torch
from piq.feature_extractors import fid_inception as patched
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import inception_v3

from keyhole.metrics.distribution import frechet_distance, inception_score_of_logits
from keyhole.metrics.pictures import check_pictures
from keyhole.metrics.weights import Weights

INCEPTION = Weights("FID and the Inception Score", patched.FID_WEIGHTS_URL)
"""The network's weights as ported for pytorch-fid."""

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
