"""Decoding of pictures, by the values that the file holds, and their fitting to a size."""

from __future__ import annotations

import io
import math
from functools import cache

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data.sample import eight_bit
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, height_width

FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF",
    "WEBP",
)  # fmt: skip
"""Formats that are read, by Pillow's names, without those that run other programs (EPS, WMF) or hold no pictures."""
SUFFIXES = frozenset({
    ".apng", ".avif", ".avifs", ".bmp", ".bw", ".dib", ".gif", ".ico", ".icb", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc",
    ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi",
    ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp",
})  # fmt: skip
MAX_PIXELS = 2**26
"""The largest picture that is decoded: 67 megapixels."""
MAX_BYTES = 2**28
"""The largest file that is read: 268 MB, room for `MAX_PIXELS` without compression."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # of TIFF
_ORIENTATION = 274  # of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LONGEST = 2


class UnreadableError(UsageError):
    """A file that cannot be shown as a picture; the message says why."""


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Tensor:
    """An encoded picture as RGB uint8 3×H×W, upright as its EXIF orientation says; of several frames the first.

    Sixteen bits are scaled to eight, and so are floats from 0 to 1. What is transparent is laid on white. Colours are
    those of the file: no colour profile is applied.

    Args:
        data: JPEG, PNG, … (`FORMATS`).
        max_pixels: the largest picture that is decoded.

    Raises:
        UnreadableError: no picture, a damaged or too large one, or one whose values do not say what white is.
    """
    if not data:
        raise UnreadableError("the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as picture:
            width, height = picture.size
            if width * height <= max_pixels:
                picture.load()
                return torch.as_tensor(transform.pil_to_tensor(_upright(_rgb(picture), _orientation(picture))))
    except UnreadableError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"more than {max_pixels} pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableError(f"not a picture of a known format (it starts with {data[:16]!r})") from error
    except Exception as error:  # Pillow's decoders raise anything on damaged input
        raise UnreadableError(f"damaged: {error}") from error
    raise UnreadableError(f"{width}×{height} pixels: at most {max_pixels} are decoded")


def resize_and_crop(picture: Tensor, size: Size) -> Tensor:
    """A uint8 picture 3×H×W, resized to cover ``size`` and centre-cropped: RGB in [0, 1], every value n/255.

    >>> resize_and_crop(torch.zeros(3, 480, 640, dtype=torch.uint8), (128, 64)).shape
    torch.Size([3, 128, 64])
    """
    (height, width), sides = picture.shape[-2:], height_width(size)
    room = _LONGEST * max(sides) / min(sides)  # what is cut off first need not be enlarged
    longest = math.ceil(room * min(height, width))
    if max(height, width) > longest:
        picture = transform.center_crop(picture, [min(height, longest), min(width, longest)])
    return eight_bit(transform.center_crop(resize_to_cover(picture, size), list(sides)))


def resize_to_cover(picture: Tensor, size: Size) -> Tensor:
    """A picture …×H×W, scaled by the smallest factor with which it covers ``size``; the aspect ratio stays.

    >>> resize_to_cover(torch.zeros(3, 480, 640), (128, 64)).shape
    torch.Size([3, 128, 170])
    """
    (height, width), (tall, wide) = picture.shape[-2:], height_width(size)
    if tall * width == wide * height:
        return torch.as_tensor(transform.resize(picture, [tall, wide], antialias=True))
    covering = (
        [tall, int(tall * width / height)] if tall * width > wide * height else [int(wide * height / width), wide]
    )
    return torch.as_tensor(transform.resize(picture, covering, antialias=True))


@cache
def _formats() -> list[str]:
    """The formats among `FORMATS` that the installed Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _grey(picture)
    try:
        colours = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except ValueError as error:
        raise UnreadableError(f"mode {picture.mode} is not supported: save it as RGB") from error
    return _on_white(colours) if colours.mode == "RGBA" else colours


def _grey(picture: Image.Image) -> Image.Image:
    """Floats, or integers of more than 8 bits."""
    tags = getattr(picture, "tag_v2", None) or {}
    values = np.asarray(picture).astype(np.float64)
    if picture.mode == "I" and tags:
        raise UnreadableError("32-bit integers do not say which value is white: save it with 8 or 16 bits")
    if picture.mode != "F":
        values /= 2 ** int(tags.get(_BITS_PER_SAMPLE, (16,))[0]) - 1
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 1:
        raise UnreadableError(f"floats from {low:g} to {high:g}: expected 0 (black) to 1 (white)")
    shares = 1 - values if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else values
    return Image.fromarray(np.rint(255 * shares).astype(np.uint8)).convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.getchannel("A").getextrema()[1] == 0:
        raise UnreadableError("every pixel is transparent")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing of the pixels
        return 1
