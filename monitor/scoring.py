"""The score of a reconstruction."""

from __future__ import annotations

from keyhole.metrics import psnr, ssim
from keyhole.v1.tensor_pb2 import Picture
from monitor.checks import check_size, read_picture, read_size

EQUAL_DB = 100.0


def similarity(reconstruction: Picture, truth: Picture) -> tuple[float, float]:
    """PSNR in dB (peak 1) and SSIM of two RGB pictures of one size.

    Equal pictures, whose PSNR is infinite, get 100 dB: more than a single wrong bit leaves in a picture of less than
    a megapixel, and still a number that can be averaged.

    Raises:
        WireError: INVALID_ARGUMENT, the reconstruction is not of the truth's size.
    """
    check_size(read_size(reconstruction), {read_size(truth)})
    got, expected = read_picture(reconstruction)[None], read_picture(truth)[None]
    return min(float(psnr(got, expected)), EQUAL_DB), float(ssim(got, expected))
