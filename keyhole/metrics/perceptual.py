"""Full-reference indices of perceived quality, thin over piq and torchmetrics.

Every function takes a reconstruction and its truth, RGB float tensors N×3×H×W in [0, 1], and returns N values. They
raise ValueError where shapes differ, values leave [0, 1] or are not finite, or a side is too short for the function.
"""

from __future__ import annotations

from functools import cache

import piq
import torch
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from keyhole.metrics.base import at_least_single, check_pair
from keyhole.metrics.registry import ALEXNET, METRICS


def fsim(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Feature similarity with colour, FSIMc (Zhang et al. 2011): phase congruency, gradients and chromaticity.

    Returns:
        N values in [0, 1], 1 for equal pictures.
    """
    check_pair(reconstruction, truth)
    return torch.as_tensor(piq.fsim(reconstruction, truth, reduction="none", data_range=1.0))


def vsi(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Visual saliency-induced index (Zhang, Shen and Li 2014).

    Returns:
        N values in [0, 1], 1 for equal pictures; also 1 where neither picture has any saliency (both of one colour).
    """
    check_pair(reconstruction, truth)
    return torch.as_tensor(piq.vsi(reconstruction, truth, reduction="none", data_range=1.0))


def haarpsi(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Haar wavelet-based perceptual similarity index with colour (Reisenhofer et al. 2018).

    Pictures have at least 16 pixels a side.

    Returns:
        N values in [0, 1], 1 for equal pictures. Two black pictures, for which the published quotient is 0 / 0, get 1.
    """
    check_pair(reconstruction, truth, METRICS["haarpsi"])
    value = torch.as_tensor(piq.haarpsi(reconstruction, truth, reduction="none", data_range=1.0))
    return value.clamp(max=1)


def sr_sim(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Spectral residual based similarity of the luminance (Zhang and Li 2012).

    Pictures have at least 40 pixels a side. piq scales saliency by the extremes of its whole batch, so it gets one
    picture at a time.

    Returns:
        N values in [0, 1], 1 for equal pictures.
    """
    check_pair(reconstruction, truth, METRICS["sr_sim"])
    pairs = zip(torch.split(reconstruction, 1), torch.split(truth, 1), strict=True)
    return torch.cat([piq.srsim(*pair, reduction="none", data_range=1.0) for pair in pairs])


def dss(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """DCT subband similarity of the luminance (Balanov et al. 2015).

    Pictures have at least 32 pixels a side: the index averages the worst 5 % of the 8×8 blocks. It is computed in
    double precision: variances of DCT coefficients on a scale of 255 are differences of large squares, in single
    precision wrong by 1 beside constants of 300, and by another amount in every batch; DSS then moves by 2e-4.

    Returns:
        N values in [0, 1], 1 for equal pictures.
    """
    check_pair(reconstruction, truth, METRICS["dss"])
    value = piq.dss(reconstruction.double(), truth.double(), reduction="none", data_range=1.0)
    return torch.as_tensor(value).clamp(max=1).to(truth.dtype)


def mdsi(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Mean deviation similarity index (Nafchi et al. 2016), gradient and chromaticity similarities summed.

    The one index that changes when the two pictures are swapped.

    Returns:
        N values, 0 for equal pictures; greater is worse.
    """
    check_pair(reconstruction, truth)
    return torch.as_tensor(piq.mdsi(reconstruction, truth, reduction="none", data_range=1.0))


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
    check_pair(reconstruction, truth, METRICS["lpips"])
    dtype = at_least_single(truth)
    network = _metric().net.to(truth.device, dtype)
    return torch.as_tensor(network(reconstruction.to(dtype), truth.to(dtype), normalize=True)).reshape(len(truth))


@cache
def _metric() -> LearnedPerceptualImagePatchSimilarity:
    ALEXNET.require()
    return LearnedPerceptualImagePatchSimilarity(net_type="alex", reduction="none", normalize=True)
