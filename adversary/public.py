"""Pictures that an attacker may learn from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from keyhole.data import Sample, open_source
from keyhole.service.errors import UsageError


def public_pictures(spec: str, size: int, seed: int) -> Iterator[Tensor]:
    """An endless iterator over the public pool, half of the pictures mirrored.

    They are whole: an attacker who learns from enlarged parts expects things to be larger than the victim shows them.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: side in pixels.
        seed: of pictures and their order.

    Returns:
        RGB in [0, 1], 3×size×size each, in steps of 1/255.

    Raises:
        UsageError: no such pictures.
    """
    try:
        source = open_source(spec, pool="public", size=size, seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return map(partial(_mirrored, random=torch.Generator().manual_seed(seed)), source)


def _mirrored(sample: Sample, random: torch.Generator) -> Tensor:
    heads = torch.rand((), generator=random) < 0.5
    return sample.picture.flip(-1) if heads else sample.picture
