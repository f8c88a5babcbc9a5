"""Pictures that an attacker may learn from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from keyhole.data import Sample, open_source
from keyhole.service.errors import UsageError
from keyhole.train.augment import random_resized_crop

_ROOM = 1.25  # sides of the pictures that are cropped from, in sides of the crop


def public_pictures(spec: str, size: int, seed: int) -> Iterator[Tensor]:
    """An endless iterator of random crops of the public pool, half of them mirrored.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: side in pixels.
        seed: of pictures and crops.

    Returns:
        RGB in [0, 1], 3×size×size each, in steps of 1/255.

    Raises:
        UsageError: no such pictures.
    """
    try:
        source = open_source(spec, pool="public", size=round(_ROOM * size), seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return map(partial(_crop, size=size, random=torch.Generator().manual_seed(seed)), source)


def _crop(sample: Sample, size: int, random: torch.Generator) -> Tensor:
    crop = random_resized_crop(sample.picture[None], size, random, (1 / _ROOM**2, 1.0))[0]
    return (crop.clamp(0, 1) * 255).round() / 255
