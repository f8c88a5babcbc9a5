"""What every picture metric asks of its pictures: RGB float tensors in [0, 1], N×3×H×W."""

from __future__ import annotations

import torch
from torch import Tensor


def check_pictures(name: str, pictures: Tensor) -> None:
    """Refuse what is not a batch of RGB pictures.

    Raises:
        ValueError: not N×3×H×W or empty, no floating point, values leave [0, 1], or a value is not finite.
    """
    if pictures.dim() != 4 or pictures.shape[1] != 3 or pictures.numel() == 0:
        raise ValueError(f"{name}: pictures are N×3×H×W, not {tuple(pictures.shape)}")
    if not pictures.is_floating_point():
        raise ValueError(f"{name}: values are floating point in [0, 1], not {pictures.dtype}")
    low, high = torch.aminmax(pictures)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: values lie in [{float(low):.3g}, {float(high):.3g}], not in [0, 1]")


def check_pair(reconstruction: Tensor, truth: Tensor, *, metric: str = "", smallest: int = 1) -> None:
    """Refuse what cannot be compared picture by picture.

    Args:
        metric: its name, for the message.
        smallest: fewest pixels a side that it is defined for.

    Raises:
        ValueError: as `check_pictures`, shapes differ, or a side is shorter than ``smallest``.
    """
    if reconstruction.shape != truth.shape:
        raise ValueError(f"shapes differ: {tuple(reconstruction.shape)} and {tuple(truth.shape)}")
    check_pictures("reconstruction", reconstruction)
    check_pictures("truth", truth)
    if min(truth.shape[-2:]) < smallest:
        raise ValueError(f"{metric} needs pictures of at least {smallest} pixels a side, not {tuple(truth.shape[-2:])}")
