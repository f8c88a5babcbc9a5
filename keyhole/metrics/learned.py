"""How alike two pictures are to a network that was trained on human judgements."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from keyhole.metrics.pictures import check_pair
from keyhole.metrics.weights import Weights

ALEXNET = Weights("LPIPS", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth")
"""torchvision's AlexNet, the backbone of LPIPS."""

_SMALLEST = 31


def lpips(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Learned perceptual image patch similarity (Zhang et al. 2018, equation 1), version 0.1, AlexNet; one per picture.

    Args:
        reconstruction: N×3×H×W in [0, 1], at least 31 pixels a side; not resized.
        truth: same shape.

    Returns:
        N values; 0 where the two are equal, greater is worse.

    Raises:
        MissingWeightsError: `ALEXNET` is not on this machine.
        ValueError: shapes differ, values leave [0, 1] or are not finite, or a side is shorter than 31 pixels.
    """
    check_pair(reconstruction, truth, metric="LPIPS", smallest=_SMALLEST)
    network = _metric().net.to(truth.device, truth.dtype)
    return torch.as_tensor(network(reconstruction, truth, normalize=True)).reshape(len(truth))


@cache
def _metric() -> LearnedPerceptualImagePatchSimilarity:
    ALEXNET.require()
    return LearnedPerceptualImagePatchSimilarity(net_type="alex", reduction="none", normalize=True)
