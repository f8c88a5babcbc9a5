"""The score of a reconstruction."""

from __future__ import annotations

from torch import Tensor

from keyhole.metrics import psnr, ssim

EQUAL_DB = 100.0


def similarity(reconstruction: Tensor, truth: Tensor) -> tuple[float, float]:
    """PSNR in dB (peak 1) and SSIM of two RGB pictures of one size, 3×H×W in [0, 1].

    Equal pictures, whose PSNR is infinite, get 100 dB: more than a single wrong bit leaves in a picture of less than
    a megapixel, and still a number that can be averaged.
    """
    got, expected = reconstruction[None], truth[None]
    return min(float(psnr(got, expected)), EQUAL_DB), float(ssim(got, expected))
