"""From a picture to what a model takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data.pixels import cover
from keyhole.sizes import Size, height_width, size_of


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop and normalise as a target expects.

    Two steps, because an attack needs the second alone: ``fit`` makes the *picture* that every score compares,
    ``normalise`` turns a picture into the model's input and is differentiable.

    Attributes:
        size: of the picture, in pixels: its side, or height and width.
        mean: per-channel mean that is subtracted, in picture units (0 to 1).
        std: per-channel deviation that is divided by, in picture units.
    """

    size: Size
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", size_of(*height_width(self.size)))

    def fit(self, picture: Tensor) -> Tensor:
        """Resized to cover ``size``, centre crop: RGB in [0, 1], …×3×H×W to …×3×height×width."""
        cropped: Tensor = transform.center_crop(cover(picture, self.size), list(height_width(self.size)))
        return cropped.clamp(0, 1)

    def normalise(self, pictures: Tensor) -> Tensor:
        """RGB pictures in [0, 1], N×3×H×W, to the model's input of the same shape."""
        mean = torch.tensor(self.mean, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        std = torch.tensor(self.std, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        return (pictures - mean) / std

    def __call__(self, picture: Tensor) -> Tensor:
        """``normalise(fit(picture))``."""
        return self.normalise(self.fit(picture))
