"""From the sizes that a decoder can make to the one that a head takes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resized(pictures: Tensor, size: int) -> Tensor:
    """Pictures N×3×H×W at ``size`` × ``size`` pixels, averaged where they shrink; unchanged where they fit."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=True)
