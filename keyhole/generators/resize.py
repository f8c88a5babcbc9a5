"""From the sizes that a decoder can make to the one that a head takes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from keyhole.sizes import Size, height_width


def resized(pictures: Tensor, size: Size) -> Tensor:
    """Pictures N×3×H×W at ``size``, averaged where they shrink; unchanged where they fit."""
    if pictures.shape[-2:] == height_width(size):
        return pictures
    return F.interpolate(pictures, height_width(size), mode="bilinear", align_corners=False, antialias=True)
