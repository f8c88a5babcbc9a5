"""Augmentation: random crops, colours and erased rectangles, drawn for each picture of a batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.sizes import Size, height_width
from keyhole.train.recipe import TrainingRecipe

_GREY = (0.485, 0.456, 0.406)
"""ImageNet's mean colour, with which `erase` fills."""


def varied(pictures: Tensor, size: Size, generator: torch.Generator, recipe: TrainingRecipe) -> Tensor:
    """Random crops of pictures, mirrored, their colours changed and rectangles erased, as much as a recipe says.

    Args:
        pictures: N×3×H×W in [0, 1].
        size: of the result.
        generator: source of randomness.
        recipe: its ``crop``, ``flip``, ``colour`` and ``erase``.

    Returns:
        N×3×height×width in [0, 1].
    """
    pictures = random_resized_crop(pictures, size, generator, (recipe.crop, 1.0), recipe.flip)
    if recipe.colour:
        pictures = recolour(pictures, generator, recipe.colour)
    return erase(pictures, generator, recipe.erase) if recipe.erase else pictures


def random_resized_crop(
    pictures: Tensor,
    size: Size,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.4, 1.0),
    mirrored: float = 0.5,
) -> Tensor:
    """Crop a random part of each picture, mirror some of them, resize bilinearly.

    Args:
        pictures: N×3×H×W in [0, 1].
        size: of the result.
        generator: source of randomness.
        scale: range of the cropped share of the area; proportions are those of the result, times 3/4 to 4/3.
        mirrored: share of the pictures that are mirrored.

    Returns:
        N×3×height×width.
    """
    count, (tall, wide) = len(pictures), height_width(size)
    wider = (wide / tall) / (pictures.shape[-1] / pictures.shape[-2])

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(*scale).sqrt()
    ratio = uniform(-0.2877, 0.2877).exp().sqrt()
    width = (area * ratio * min(1.0, wider)).clamp(max=1)
    height = (area / ratio * min(1.0, 1 / wider)).clamp(max=1)
    flip = torch.where(uniform(0, 1) < mirrored, -1.0, 1.0)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0] = width * flip
    affine[:, 1, 1] = height
    affine[:, 0, 2] = uniform(-1, 1) * (1 - width)
    affine[:, 1, 2] = uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(affine, [count, 3, tall, wide], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def recolour(pictures: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Change brightness and contrast, never hue: paint tells identities apart.

    Args:
        pictures: N×3×H×W in [0, 1].
        generator: source of randomness.
        strength: factors of both lie between 1 - ``strength`` and 1 + ``strength``.

    Returns:
        N×3×H×W in [0, 1].
    """
    brightness, contrast = (
        torch.empty(len(pictures), 1, 1, 1).uniform_(1 - strength, 1 + strength, generator=generator) for _ in range(2)
    )
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return ((pictures - mean) * contrast + mean * brightness).clamp(0, 1)


def greyed(pictures: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Take the colour from some pictures, N×3×H×W in [0, 1]; their three channels become the mean.

    Args:
        pictures: N×3×H×W.
        generator: source of randomness.
        probability: share of the pictures that are changed.
    """
    chosen = torch.empty(len(pictures)).uniform_(0, 1, generator=generator) < probability
    return torch.where(chosen[:, None, None, None], pictures.mean(1, keepdim=True), pictures)


def erase(pictures: Tensor, generator: torch.Generator, probability: float) -> Tensor:
    """Paint a random rectangle grey in some pictures.

    Random erasing (Zhong et al. 2020, Algorithm 1) with its sides' ratio of 0.3 to 3.3 and 2 % to 40 % of the area;
    filled with ImageNet's mean as in "Bag of tricks" (Luo et al. 2019, §3.2).

    Args:
        pictures: N×3×H×W in [0, 1].
        generator: source of randomness.
        probability: share of the pictures that are changed.

    Returns:
        N×3×H×W in [0, 1].
    """
    count, _, height, width = pictures.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    def inside(length: int, share: Tensor) -> Tensor:
        first = uniform(0, 1) * (1 - share)
        places = (torch.arange(length) + 0.5) / length
        return (places >= first[:, None]) & (places < (first + share)[:, None])

    area, ratio = uniform(0.02, 0.4), uniform(math.log(0.3), math.log(3.3)).exp()
    rows = inside(height, (area * ratio).sqrt().clamp(max=1))
    columns = inside(width, (area / ratio).sqrt().clamp(max=1))
    chosen = uniform(0, 1) < probability
    erased = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
    return torch.where(erased[:, None], torch.tensor(_GREY).view(3, 1, 1), pictures)
