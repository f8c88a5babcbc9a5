"""Differentiable augmentation for adversarial pairs that learn from few pictures (Zhao et al. 2020, "DiffAugment")."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_SHIFT, _CUT = 1 / 8, 1 / 2
"""Farthest shift and side of the hole, in sides of the picture."""


def augmented(pictures: Tensor) -> Tensor:
    """Pictures N×3×H×W in [0, 1] in other colours, shifted, with a hole each: what the critic sees of real pictures and
    of made ones, in its steps and in the generator's, so that it cannot learn real pictures by heart and the generator
    is not asked for holes. Each picture has its own draws, of torch's global generator."""
    return cut(shifted(recoloured(pictures)))


def recoloured(pictures: Tensor) -> Tensor:
    """Brightness, saturation and contrast, one after the other, as the paper draws them: a shift by ±0.5 of [-1, 1]; a
    factor from 0 to 2 about the pixel's grey; a factor from 0.5 to 1.5 about the picture's mean."""
    brighter, purer, stronger = (torch.rand(len(pictures), 1, 1, 1, device=pictures.device) for _ in range(3))
    seen = pictures + (brighter - 0.5) / 2
    grey = seen.mean(dim=1, keepdim=True)
    seen = grey + 2 * purer * (seen - grey)
    mean = seen.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (0.5 + stronger) * (seen - mean)


def shifted(pictures: Tensor) -> Tensor:
    """Moved by up to an eighth of the side each way; black comes in."""
    count, _, height, width = pictures.shape
    rows, columns = (_places(count, side, pictures.device) for side in (height, width))
    padded = F.pad(pictures, (1, 1, 1, 1))
    places = (torch.arange(count, device=pictures.device)[:, None, None], rows[:, :, None], columns[:, None, :])
    return padded.permute(0, 2, 3, 1)[places].permute(0, 3, 1, 2)


def _places(count: int, side: int, device: torch.device) -> Tensor:
    """Where each row or column comes from in a picture with a border of 1, N×side."""
    farthest = round(side * _SHIFT)
    moved = torch.randint(-farthest, farthest + 1, (count, 1), device=device)
    return (torch.arange(side, device=device) + 1 + moved).clamp(0, side + 1)


def cut(pictures: Tensor) -> Tensor:
    """A black square of half the side is put anywhere, also partly outside."""
    count, _, height, width = pictures.shape
    inside = []
    for side in (height, width):
        middle = torch.randint(0, side + 1, (count, 1), device=pictures.device)
        inside.append((torch.arange(side, device=pictures.device) - middle + 0.5).abs() < side * _CUT / 2)
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return pictures * ~hole[:, None]
