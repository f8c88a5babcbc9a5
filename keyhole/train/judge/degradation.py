"""Degradation of true pictures to what reconstructions look like: blurred, pale, noisy, blocky."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from keyhole.data.sample import eight_bit

_BLUR, _NOISE, _CONTRAST, _QUALITY = (0.3, 2.0), (0.01, 0.15), (0.35, 1.0), (12, 80)
_REACH = 6


def degrade(pictures: Tensor, generator: torch.Generator, clean: float = 0.5) -> Tensor:
    """Degrade pictures at random, in the order blur, contrast, noise, JPEG, each with an even chance.

    Args:
        pictures: RGB in [0, 1], N×3×H×W, more than 6 pixels a side.
        generator: source of randomness.
        clean: chance that a picture stays as it is.

    Returns:
        N×3×H×W in [0, 1].
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(len(pictures), 1, 1, 1).uniform_(low, high, generator=generator)

    def chosen() -> Tensor:
        return (uniform(0, 1) < 0.5) & dirty

    dirty = uniform(0, 1) >= clean
    made = torch.where(chosen(), blur(pictures, uniform(*_BLUR).flatten()), pictures)
    middle = made.mean(dim=(1, 2, 3), keepdim=True)
    made = torch.where(chosen(), middle + uniform(*_CONTRAST) * (made - middle), made)
    noise = torch.randn(pictures.shape, generator=generator)
    made = torch.where(chosen(), made + uniform(*_NOISE) * noise, made).clamp(0, 1)
    quality = torch.randint(*_QUALITY, (len(pictures),), generator=generator).tolist()
    for place in chosen().flatten().nonzero().flatten().tolist():
        made[place] = _jpeg(made[place], quality[place])
    return made


def blur(pictures: Tensor, deviations: Tensor) -> Tensor:
    """Gaussian blur with a width for each picture.

    Args:
        pictures: N×C×H×W, more than 6 pixels a side.
        deviations: N, pixels, above 0.
    """
    count, channels, height, width = pictures.shape
    places = torch.arange(-_REACH, _REACH + 1, dtype=pictures.dtype)
    kernels = torch.exp(-0.5 * (places / deviations[:, None]) ** 2)
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    padded = F.pad(pictures, [_REACH] * 4, mode="reflect").reshape(1, count * channels, height + 2 * _REACH, -1)
    across = F.conv2d(padded, kernels[:, None, None, :], groups=count * channels)
    down = F.conv2d(across, kernels[:, None, :, None], groups=count * channels)
    return down.view(count, channels, height, width)


def _jpeg(picture: Tensor, quality: int) -> Tensor:
    buffer = io.BytesIO()
    levels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    Image.fromarray(levels.numpy()).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as compressed:
        return eight_bit(torch.from_numpy(np.array(compressed)).permute(2, 0, 1))
