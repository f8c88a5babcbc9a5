"""Similarity of two pictures, pixel by pixel.

Pictures are RGB float tensors in [0, 1], N×3×H×W, and are checked here; every metric uses a data range of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from keyhole.metrics.base import check_pair
from keyhole.metrics.registry import METRICS
from keyhole.sizes import SMALLEST

_SCALES = ((5, 176), (4, 99), (3, 44))
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, 10·log10(1 / MSE), in dB, one per picture.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values; infinite where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.

    >>> truth = torch.full((1, 3, 16, 16), 0.5)
    >>> round(float(psnr(truth + 0.1, truth)), 3)
    20.0
    """
    check_pair(reconstruction, truth)
    return peak_signal_noise_ratio(reconstruction, truth, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004, equation 13), one per picture.

    Gaussian window of 11 pixels with σ = 1.5 at every pixel, borders mirrored, channels averaged. Implementations that
    count only windows within the picture (scikit-image, piq) give other values, the more so the smoother the borders
    are: of thumbnails of streetcam at 128 px 0.005 (64 px) to 0.027 (1 px) less on average.

    Args:
        reconstruction: N×3×H×W in [0, 1], at least 11 pixels a side.
        truth: same shape.

    Returns:
        N values, at most 1.

    Raises:
        ValueError: as `psnr`, or a side shorter than the window.
    """
    check_pair(reconstruction, truth, METRICS["ssim"])
    value = structural_similarity_index_measure(reconstruction, truth, data_range=1.0, reduction="none")
    return torch.as_tensor(value).reshape(len(truth))


def ms_ssim(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003, equation 7), one per picture.

    The window of `ssim` at five scales, each half the size of the one before, from 176 pixels a side. Smaller pictures
    have fewer scales, the coarse ones left out and the weights of the others divided by their sum: four from 99 pixels,
    three from 44. Values of different numbers of scales are not to be compared. The finer scales count only
    windows within the picture; negative terms count as 0.

    Args:
        reconstruction: N×3×H×W in [0, 1], at least 44 pixels a side.
        truth: same shape.

    Returns:
        N values in [0, 1].

    Raises:
        ValueError: as `psnr`, or a side shorter than 44 pixels.
    """
    check_pair(reconstruction, truth, METRICS["ms_ssim"])
    scales = next(count for count, smallest in _SCALES if min(truth.shape[-2:]) >= smallest)
    weights = _WEIGHTS[:scales]
    total = sum(weights) if scales < len(_WEIGHTS) else 1.0
    return multiscale_structural_similarity_index_measure(
        reconstruction,
        truth,
        data_range=1.0,
        reduction="none",
        kernel_size=SMALLEST,
        betas=tuple(weight / total for weight in weights),
    )


def l2(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error over all channels and pixels, one per picture: what papers print as "L2" or "MSE".

    It is the mean of squares on the scale [0, 1], neither their sum nor its root; `psnr` is −10·log10 of it.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values in [0, 1]; 0 where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.
    """
    check_pair(reconstruction, truth)
    return (reconstruction - truth).square().mean(dim=(1, 2, 3))


def eq14(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """10·ln(255 / mean absolute error on the scale 0…255), one per picture: no PSNR, although its paper calls it that.

    Equation 14 of "Unlocking Visual Secrets: Inverting Features with Diffusion Priors for Image Reconstruction" squares
    nothing and names no base of the logarithm; with the natural one its tables are within reach. The mean is over all
    channels and pixels. Use it beside that paper's figures only.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values without a unit; infinite where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.
    """
    check_pair(reconstruction, truth)
    return -10 * (reconstruction - truth).abs().mean(dim=(1, 2, 3)).log()
