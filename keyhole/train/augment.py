"""Random crops and flips of a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def random_resized_crop(
    pictures: Tensor, size: int, generator: torch.Generator, scale: tuple[float, float] = (0.4, 1.0)
) -> Tensor:
    """Crop a random part of each picture, flip half of them, resize bilinearly.

    Args:
        pictures: N×3×H×W in [0, 1].
        size: side of the result.
        generator: source of randomness.
        scale: range of the cropped share of the area; aspect ratios lie between 3/4 and 4/3.

    Returns:
        N×3×size×size.
    """
    count = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(*scale).sqrt()
    ratio = uniform(-0.2877, 0.2877).exp().sqrt()
    width, height = (area * ratio).clamp(max=1), (area / ratio).clamp(max=1)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0] = width * flip
    affine[:, 1, 1] = height
    affine[:, 0, 2] = uniform(-1, 1) * (1 - width)
    affine[:, 1, 2] = uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(affine, [count, 3, size, size], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
