"""Pictures in messages, as PNG, and the names of those that attacks make."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from keyhole.v1 import tensor_pb2
from keyhole.wire.errors import invalid

MAX_PIXELS = 1 << 24
"""Pixels of the largest picture that is decoded."""
_COMPRESSION = 1


class Named(Protocol):
    """A message, or another thing, that says which attack, and which rung of it, made a picture."""

    @property
    def attack(self) -> str: ...

    @property
    def rung(self) -> str: ...


def entry_name(made: Named) -> str:
    """The name under which pictures and scores are kept and shown: the attack's, with the rung where it is a ladder's.

    >>> from keyhole.v1 import referee_pb2
    >>> entry_name(referee_pb2.Reconstruction(attack="decoder-ladder", rung="refined"))
    'decoder-ladder.refined'
    """
    return entry_of(made.attack, made.rung)


def entry_of(attack: str, rung: str) -> str:
    """`entry_name` of an attack and its rung, which is empty where it has none."""
    return f"{attack}.{rung}" if rung else attack


def pack_picture(picture: Tensor) -> tensor_pb2.Picture:
    """A picture as PNG.

    Args:
        picture: RGB, 3×H×W in [0, 1]; rounded to steps of 1/255, so that pictures in such steps come back exactly.

    Raises:
        ValueError: the tensor has another shape or numbers outside [0, 1].
    """
    if picture.dim() != 3 or picture.shape[0] != 3 or not picture.numel():
        raise ValueError(f"picture of shape {tuple(picture.shape)}: expected 3×H×W")
    low, high = (bound.item() for bound in picture.detach().float().aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"picture with numbers from {low:g} to {high:g}: expected [0, 1]")
    levels = (picture.detach().cpu().float() * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    buffer = io.BytesIO()
    Image.fromarray(levels.numpy(), "RGB").save(buffer, "PNG", compress_level=_COMPRESSION)
    return tensor_pb2.Picture(png=buffer.getvalue())


def unpack_picture(message: tensor_pb2.Picture, *, field: str) -> Tensor:
    """The picture of a message: RGB, float32, 3×H×W in [0, 1]; see `unpack_levels`."""
    return unpack_levels(message, field=field).float() / 255


def unpack_levels(message: tensor_pb2.Picture, *, field: str) -> Tensor:
    """The picture of a message in steps of 1/255: RGB, uint8, 3×H×W.

    Args:
        message: what came.
        field: its path in the request, for the error.

    Raises:
        WireError: INVALID_ARGUMENT, the bytes are no RGB PNG of at most ``MAX_PIXELS`` pixels.
    """
    with _opened(message, field) as image:
        levels = np.array(image)
    return torch.from_numpy(levels).permute(2, 0, 1)


def measure_picture(message: tensor_pb2.Picture, *, field: str) -> tuple[int, int]:
    """Height and width of a message's picture; only its beginning is read.

    Raises:
        WireError: as `unpack_levels`, as far as its beginning tells.
    """
    with _opened(message, field) as image:
        return image.height, image.width


@contextmanager
def _opened(message: tensor_pb2.Picture, field: str) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(message.png), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise invalid(f"{field}.png", f"expected at most {MAX_PIXELS} pixels, got {image.width}×{image.height}")
            if image.mode != "RGB":
                raise invalid(f"{field}.png", f"expected RGB, got {image.mode}")
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise invalid(f"{field}.png", f"expected a PNG: {error}") from error
