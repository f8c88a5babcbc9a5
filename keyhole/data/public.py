"""Pictures that an attacker may learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import count
from threading import Lock

import torch
from torch import Tensor

from keyhole.data import Sample, open_source
from keyhole.service.errors import UsageError
from keyhole.sizes import Size


def public_pictures(spec: str, size: Size, seed: int) -> Iterator[Tensor]:
    """An endless iterator over the public pool, half of the pictures mirrored.

    They are whole: an attacker who learns from enlarged parts expects things to be larger than the victim shows them.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: in pixels.
        seed: of pictures and their order.

    Returns:
        RGB in [0, 1], 3×H×W each, in steps of 1/255.

    Raises:
        UsageError: no such pictures.
    """
    try:
        source = open_source(spec, pool="public", size=size, seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return map(partial(_mirrored, random=torch.Generator().manual_seed(seed)), source)


class Remembered:
    """Pictures that are drawn once, however often they are opened, for attacks that learn from the same ones in turn.

    A picture of 128 pixels takes 48 KiB for as long as this lives.

    Args:
        draw: opens the pictures, RGB in steps of 1/255, 3×H×W each; on first use.
    """

    def __init__(self, draw: Callable[[], Iterator[Tensor]]) -> None:
        self._draw = draw
        self._kept: list[Tensor] = []
        self._lock = Lock()

    def __call__(self) -> Iterator[Tensor]:
        """The pictures from the first one on.

        Raises:
            UsageError: there are none.
        """
        with self._lock:
            source = self._source
        return map(partial(self._picture, source), count())

    @cached_property
    def _source(self) -> Iterator[Tensor]:
        return self._draw()

    def _picture(self, source: Iterator[Tensor], index: int) -> Tensor:
        with self._lock:
            if index == len(self._kept):
                self._kept.append((next(source) * 255).round().to(torch.uint8))
        return self._kept[index].float() / 255


def _mirrored(sample: Sample, random: torch.Generator) -> Tensor:
    heads = torch.rand((), generator=random) < 0.5
    return sample.picture.flip(-1) if heads else sample.picture
