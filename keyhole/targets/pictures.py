"""RGB pictures of float32 for models that take other types, or grey pictures."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from keyhole.sizes import Size, height_width
from keyhole.targets.errors import TargetError

_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


class _TakesPictures(nn.Module):
    """First base of a model's class: pictures are turned into what the model takes itself."""

    own_dtype: ClassVar[torch.dtype]
    own_channels: ClassVar[int]

    def forward(self, pictures: Tensor) -> Any:
        weights = torch.tensor(_LUMINANCE, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        own = (pictures * weights).sum(1, keepdim=True) if self.own_channels == 1 else pictures
        return super().forward(own.to(self.own_dtype))


def take_pictures(model: nn.Module, size: Size) -> Any:
    """Let a model take RGB pictures of float32, and return its answer to one.

    A model that takes half or double numbers has its pictures converted, one that takes grey pictures gets their
    luminance; both happen inside the model, whose modules keep their paths.

    Args:
        model: is put in eval mode, and changed where it takes something else.
        size: of the picture, in pixels.

    Raises:
        TargetError: the model fails on such a picture, in all of these ways.
    """
    model.eval()
    first = next((each for each in model.parameters() if each.is_floating_point()), torch.zeros(()))
    failures: dict[tuple[int, torch.dtype], Exception] = {}
    for channels in (3, 1):
        for dtype in dict.fromkeys((torch.float32, first.dtype)):
            try:
                with torch.no_grad():
                    answer = model(torch.zeros(1, channels, *height_width(size), dtype=dtype, device=first.device))
            except Exception as error:
                failures[channels, dtype] = error
                continue
            if (channels, dtype) != (3, torch.float32):
                own = {"own_dtype": dtype, "own_channels": channels, "__module__": type(model).__module__}
                model.__class__ = type(type(model).__name__, (_TakesPictures, type(model)), own)
            return answer
    natural = failures[3, first.dtype]
    raise TargetError(
        f"{type(model).__name__} cannot take a picture of {height_width(size)[0]}×{height_width(size)[1]}: {natural}"
    ) from natural
