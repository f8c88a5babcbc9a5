"""Augmented views: a picture that the classifier must take for its class in other crops, colours and turns too."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.classes.randomness import PictureRandom

_LUMINANCE = (0.299, 0.587, 0.114)
Span = tuple[float, float]


@dataclass(frozen=True)
class AugmentedViews:
    """Random views of pictures, differentiable; each picture's numbers are its own.

    Attributes:
        count: views of each picture; 1 with no change is the picture itself.
        crop: shares of the area that a crop keeps, enlarged again.
        ratio: of its sides.
        flip: probability that it is mirrored.
        turn: most degrees that it is turned by, either way.
        brightness, contrast: most by which the factor of each leaves 1.
        coloured: probability that brightness and contrast change at all.
        blurred: probability that it is blurred.
        blur: pixels of the blur's kernel, and its standard deviation.
    """

    count: int = 1
    crop: Span = (1.0, 1.0)
    ratio: Span = (1.0, 1.0)
    flip: float = 0.0
    turn: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    coloured: float = 1.0
    blurred: float = 0.0
    blur: tuple[int, float] = (7, 3.0)

    def __call__(self, pictures: Tensor, random: PictureRandom) -> list[Tensor]:
        """``count`` batches of N×3×H×W, of pictures N×3×H×W in [0, 1]."""
        return [self._view(pictures, random) for _ in range(self.count)]

    def _view(self, pictures: Tensor, random: PictureRandom) -> Tensor:
        view = pictures
        if self._moves:
            view = self._moved(view, random)
        if self.brightness or self.contrast:
            view = self._recoloured(view, random)
        if self.blurred:
            pixels, deviation = self.blur
            chosen = _column(random.uniform() < self.blurred, view)
            view = torch.where(chosen > 0, transform.gaussian_blur(view, [pixels, pixels], [deviation] * 2), view)
        return view

    @property
    def _moves(self) -> bool:
        return self.crop != (1.0, 1.0) or self.ratio != (1.0, 1.0) or self.flip > 0 or self.turn > 0

    def _moved(self, pictures: Tensor, random: PictureRandom) -> Tensor:
        """Crop, mirror and turn in one resampling, as an affine map of the unit square about its middle."""
        area = random.uniform(low=self.crop[0], high=self.crop[1])
        ratio = random.uniform(low=math.log(self.ratio[0]), high=math.log(self.ratio[1])).exp()
        wide, tall = (area * ratio).sqrt().clamp_max(1.0), (area / ratio).sqrt().clamp_max(1.0)
        right, down = (1 - wide) * random.uniform(low=-1), (1 - tall) * random.uniform(low=-1)
        mirrored = torch.where(random.uniform() < self.flip, -1.0, 1.0)
        angle = random.uniform(low=-self.turn, high=self.turn).deg2rad()
        rows = (
            torch.stack([mirrored * wide * angle.cos(), -wide * angle.sin(), right], dim=1),
            torch.stack([mirrored * tall * angle.sin(), tall * angle.cos(), down], dim=1),
        )
        maps = torch.stack(rows, dim=1).to(pictures)
        grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
        return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _recoloured(self, pictures: Tensor, random: PictureRandom) -> Tensor:
        brighter = random.uniform(low=1 - self.brightness, high=1 + self.brightness)
        stronger = random.uniform(low=1 - self.contrast, high=1 + self.contrast)
        changed = random.uniform() < self.coloured
        brighter, stronger = (_column(torch.where(changed, one, 1.0), pictures) for one in (brighter, stronger))
        view = pictures * brighter
        weights = torch.tensor(_LUMINANCE).to(view).view(3, 1, 1)
        grey = (view * weights).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
        return grey + stronger * (view - grey)


PLAIN = AugmentedViews()
"""The picture as it is."""
CROPPED = AugmentedViews(crop=(0.9, 1.0))
"""Of PPA's optimisation."""
PLG = AugmentedViews(count=2, crop=(0.8, 1.0), flip=0.5, turn=5.0, brightness=0.2, contrast=0.2, coloured=0.5)
"""Two views of PLG-MI's code."""
ITERATIVE = AugmentedViews(count=4, flip=0.5, brightness=0.2, coloured=0.5, blurred=0.5)
"""Four views of Diff-MI's code."""


def _column(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like).view(-1, 1, 1, 1)
