"""Dead leaves: overlapping discs whose sizes follow a power law (Lee, Mumford & Huang 2001).

Their edges and scales have the statistics of photographs, so a network trained on them learns to invert features
although it has never seen a photograph.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw
from torchvision.transforms.v2 import functional as transform

from keyhole.data.sample import Sample, eight_bit
from keyhole.sizes import Size, height_width

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class DeadLeaves:
    """An endless stream of random ellipses in random colours."""

    size: Size
    seed: int = 0
    leaves: int = 400

    def __iter__(self) -> Iterator[Sample]:
        draw = random.Random(self.seed)
        while True:
            yield Sample(eight_bit(torch.as_tensor(transform.pil_to_tensor(self._picture(draw)))))

    def _picture(self, draw: random.Random) -> Image.Image:
        height, width = (_SUPERSAMPLING * side for side in height_width(self.size))
        side = max(height, width)
        palette = [_colour(draw) for _ in range(draw.randint(2, 8))]
        picture = Image.new("RGB", (width, height), draw.choice(palette))
        canvas = ImageDraw.Draw(picture)
        for _ in range(self.leaves):
            radius = _power_law(draw, 0.02 * side, 0.5 * side)
            x, y = draw.uniform(0, width), draw.uniform(0, height)
            flat = radius * draw.uniform(0.3, 1)
            base = draw.choice(palette)
            colour = tuple(max(0, min(255, round(value + draw.gauss(0, 25)))) for value in base)
            canvas.ellipse((x - radius, y - flat, x + radius, y + flat), fill=colour)
        return picture.resize((width // _SUPERSAMPLING, height // _SUPERSAMPLING), Image.Resampling.LANCZOS)


def _colour(draw: random.Random) -> tuple[int, ...]:
    shades = colorsys.hsv_to_rgb(draw.random(), draw.random() ** 1.5, draw.random())
    return tuple(round(255 * shade) for shade in shades)


def _power_law(draw: random.Random, low: float, high: float) -> float:
    """A radius with density proportional to r⁻³ between ``low`` and ``high``."""
    share = draw.random()
    return float((low**-2 - share * (low**-2 - high**-2)) ** -0.5)
