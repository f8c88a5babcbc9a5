"""Pictures that need no files: photographs that come with libraries, and dead leaves."""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data.sample import Sample, eight_bit
from keyhole.sizes import Size, height_width

FRAMES_PER_SCENE = 12

_SUPERSAMPLING = 2


def victim_photos() -> tuple[tuple[str, Tensor], ...]:
    """Name and uint8 3×H×W of the photographs that the edge's camera looks at."""
    from skimage import data  # noqa: PLC0415 - slow to import, and only this source needs it

    return tuple((name, _chw(getattr(data, name)())) for name in ("astronaut", "chelsea", "coffee"))


def public_photos() -> tuple[tuple[str, Tensor], ...]:
    """Name and uint8 3×H×W of the photographs that an attacker may train on; none is a victim's."""
    import matplotlib.cbook  # noqa: PLC0415
    import skimage  # noqa: PLC0415
    from skimage import data, io  # noqa: PLC0415
    from sklearn.datasets import load_sample_image  # noqa: PLC0415

    named = ("rocket", "immunohistochemistry", "retina", "camera", "coins", "brick", "grass", "gravel")
    folder = f"{skimage.__path__[0]}/data"
    return (
        *((name, _chw(load_sample_image(f"{name}.jpg"))) for name in ("china", "flower")),
        ("hopper", _chw(io.imread(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))),
        ("motorcycle", _chw(io.imread(f"{folder}/motorcycle_left.png"))),
        *((name, _chw(getattr(data, name)())) for name in named),
    )


@dataclass(frozen=True)
class PannedPhotos:
    """A camera that pans over the upper part of each photograph in turn, a dozen frames a scene."""

    photos: tuple[tuple[str, Tensor], ...]
    size: Size
    seed: int = 0
    share: float = 0.75

    def __iter__(self) -> Iterator[Sample]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            for name, photo in self.photos:
                height, width = photo.shape[-2:]
                tall, wide = _largest(height, width, self.size)
                sides = int(self.share * tall), int(self.share * wide)
                start, turn = (float(torch.rand((), generator=generator)) * math.tau for _ in range(2))
                for frame in range(FRAMES_PER_SCENE):
                    phase = start + 0.15 * frame
                    across = 0.5 + 0.5 * math.cos(phase)
                    down = 0.25 + 0.25 * math.sin(phase + turn)
                    top, left = int(down * (height - sides[0])), int(across * (width - sides[1]))
                    yield Sample(_crop(photo, (top, left), sides, self.size), name)


@dataclass(frozen=True)
class Photos:
    """Random crops of photographs at every scale, half of them mirrored."""

    photos: tuple[tuple[str, Tensor], ...]
    size: Size
    seed: int = 0

    def __iter__(self) -> Iterator[Sample]:
        generator = torch.Generator().manual_seed(self.seed)

        def below(limit: int) -> int:
            return int(torch.randint(max(limit, 1), (), generator=generator))

        while True:
            name, photo = self.photos[below(len(self.photos))]
            height, width = photo.shape[-2:]
            (own, _), (tall, wide) = height_width(self.size), _largest(height, width, self.size)
            high = min(own, tall) + below(tall - min(own, tall) + 1)
            across = max(1, high * wide // tall)
            corner = below(height - high + 1), below(width - across + 1)
            picture = _crop(photo, corner, (high, across), self.size)
            yield Sample(picture.flip(-1) if below(2) else picture, name)


def _largest(height: int, width: int, size: Size) -> tuple[int, int]:
    """Sides of the largest part of a photograph whose sides relate as those of ``size``."""
    tall, wide = height_width(size)
    return (height, height * wide // tall) if height * wide <= width * tall else (width * tall // wide, width)


def _crop(photo: Tensor, corner: tuple[int, int], sides: tuple[int, int], size: Size) -> Tensor:
    return eight_bit(transform.resized_crop(photo, *corner, *sides, list(height_width(size)), antialias=True))


def _chw(picture: np.typing.ArrayLike) -> Tensor:
    photo = torch.from_numpy(np.array(picture))
    if photo.dim() == 2:
        photo = photo[..., None].expand(-1, -1, 3)
    return photo[..., :3].permute(2, 0, 1).contiguous()


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
