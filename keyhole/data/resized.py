"""A source at another size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from keyhole.data.pixels import fit
from keyhole.data.sample import Sample
from keyhole.sizes import Size, height_width


@dataclass(frozen=True)
class Resized:
    """The square pictures of a source, and the places in them, at another size.

    Attributes:
        source: where they come from.
        size: in pixels.
    """

    source: Iterable[Sample]
    size: Size

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.source:
            levels = (sample.picture * 255).round().to(torch.uint8)
            height, width = height_width(self.size)
            side = max(height, width)
            cut_off = -round((side - width) / 2), -round((side - height) / 2)
            secrets = sample.secrets and sample.secrets.scaled(side / levels.shape[-1]).moved(*cut_off)
            yield dataclasses.replace(sample, picture=fit(levels, self.size), secrets=secrets)
