"""The score of a reconstruction."""

from __future__ import annotations

from torch import Tensor

from keyhole.metrics import psnr, ssim
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import invalid
from monitor.checks import read_picture

EQUAL_DB = 100.0


def similarity(reconstruction: Picture, truth: Picture) -> tuple[float, float]:
    """PSNR in dB (peak 1) and SSIM of two RGB pictures of one size.

    Equal pictures, whose PSNR is infinite, get 100 dB: more than a single wrong bit leaves in a picture of less than
    a megapixel, and still a number that can be averaged.

    Raises:
        WireError: INVALID_ARGUMENT, the reconstruction is not of the truth's size.
    """
    got, expected = read_picture(reconstruction), read_picture(truth)
    if got.shape != expected.shape:
        raise invalid(
            "picture.png",
            f"the reconstruction is {_size(got)} and the frame's truth {_size(expected)}: "
            "submit pictures of the target's input size",
        )
    got, expected = got.unsqueeze(0), expected.unsqueeze(0)
    return min(float(psnr(got, expected)), EQUAL_DB), float(ssim(got, expected))


def _size(picture: Tensor) -> str:
    return f"{picture.shape[2]}×{picture.shape[1]} pixels"
