"""How alike two pictures are, pixel by pixel.

Pictures are RGB float tensors in [0, 1], N×3×H×W, and are checked here; every metric uses a data range of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

_KERNEL = 11


def psnr(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, 10·log10(1 / MSE), in dB, one per picture.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values; infinite where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.
    """
    _check(reconstruction, truth)
    return peak_signal_noise_ratio(reconstruction, truth, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004, equation 13), one per picture.

    Gaussian window of 11 pixels with σ = 1.5 at every pixel, borders mirrored, channels averaged.

    Args:
        reconstruction: N×3×H×W in [0, 1], at least 11 pixels a side.
        truth: same shape.

    Returns:
        N values, at most 1.

    Raises:
        ValueError: as `psnr`, or a side shorter than the window.
    """
    _check(reconstruction, truth)
    if min(truth.shape[-2:]) < _KERNEL:
        raise ValueError(f"SSIM needs pictures of at least {_KERNEL} pixels a side, not {tuple(truth.shape[-2:])}")
    value = structural_similarity_index_measure(reconstruction, truth, data_range=1.0, reduction="none")
    return torch.as_tensor(value).reshape(len(truth))


def _check(reconstruction: Tensor, truth: Tensor) -> None:
    if reconstruction.shape != truth.shape:
        raise ValueError(f"shapes differ: {tuple(reconstruction.shape)} and {tuple(truth.shape)}")
    if truth.dim() != 4 or truth.shape[1] != 3:
        raise ValueError(f"pictures are N×3×H×W, not {tuple(truth.shape)}")
    for name, pictures in (("reconstruction", reconstruction), ("truth", truth)):
        low, high = torch.aminmax(pictures)
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{name}: values lie in [{float(low):.3g}, {float(high):.3g}], not in [0, 1]")
