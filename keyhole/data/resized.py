"""A source at another size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from keyhole.data.pixels import fit
from keyhole.data.sample import Sample


@dataclass(frozen=True)
class Resized:
    """The square pictures of a source, and the places in them, at another size.

    Attributes:
        source: where they come from.
        size: side in pixels.
    """

    source: Iterable[Sample]
    size: int

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.source:
            levels = (sample.picture * 255).round().to(torch.uint8)
            secrets = sample.secrets and sample.secrets.scaled(self.size / levels.shape[-1])
            yield dataclasses.replace(sample, picture=fit(levels, self.size), secrets=secrets)
