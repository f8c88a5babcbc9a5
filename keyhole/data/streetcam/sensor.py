"""Weather before the lens (rain, snow, glare), and the camera's sensor (blur, noise, white balance, JPEG)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from keyhole.data.streetcam.keyed_random import RGB, Draw
from keyhole.data.streetcam.light import Light, Weather

_SIDE = 512

Bytes = npt.NDArray[np.uint8]
_TILE = 512


@lru_cache(maxsize=16)
def _fall(kind: Weather, size: int) -> npt.NDArray[np.int32]:
    """A tile of streaks or flakes, as strength 0 … 255, for pictures of one size."""
    draw = Draw("fall", kind)
    side = _SIDE * 2
    tile = Image.new("L", (side, side))
    pen = ImageDraw.Draw(tile)
    unit = size / 64
    for _ in range(int((620 if kind == "rain" else 760) * (128 / size) ** 2 * 8)):
        x, y = draw.uniform(0, side), draw.uniform(0, side)
        if kind == "rain":
            long = draw.uniform(3, 10) * unit
            pen.line((x, y, x - 0.12 * long, y + long), fill=40 + draw.below(90), width=max(1, round(0.5 * unit)))
        else:
            radius = unit * draw.uniform(0.25, 0.5 + 0.9 * draw.unit() * draw.unit())
            pen.ellipse((x - radius, y - radius, x + radius, y + 1.4 * radius), fill=90 + draw.below(150))
    soft = tile.filter(ImageFilter.GaussianBlur(0.3 * unit)).reduce(2)
    return np.asarray(soft, dtype=np.int32)


def fall(
    picture: npt.NDArray[np.uint8], weather: Weather, light: Light, place: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Draw rain or snow over a picture, size×size×3 bytes; ``place`` shifts the drops."""
    if weather not in ("rain", "snow"):
        return picture
    size = picture.shape[0]
    tile = _fall(weather, size)
    x, y = place[0] % (_SIDE - size), place[1] % (_SIDE - size)
    strength = tile[y : y + size, x : x + size, None]
    glow = 205 if not light.lamps or light.zenith[2] > 0.1 else 130
    return (picture + strength * (glow - picture.astype(np.int32)) // 300).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _glow() -> Image.Image:
    """A soft round light, mode L, 64 pixels."""
    axis = (np.arange(64) - 31.5) / 32
    near = np.clip(1 - (axis[None] ** 2 + axis[:, None] ** 2), 0, 1)
    return Image.fromarray((255 * near * near * (0.25 + 0.75 * near * near * near * near)).astype(np.uint8))


def shine(
    picture: npt.NDArray[np.int32], spot: tuple[float, float], radius: float, colour: tuple[int, int, int]
) -> None:
    """Add a lamp's glow to a picture of integers, in place."""
    size = picture.shape[0]
    wide = max(2, int(2 * radius))
    left, top = int(spot[0] - radius), int(spot[1] - radius)
    a, b, c, d = max(0, left), max(0, top), min(size, left + wide), min(size, top + wide)
    if a >= c or b >= d:
        return
    sprite = np.asarray(_glow().resize((wide, wide), Image.Resampling.BILINEAR), dtype=np.int32)
    cut = sprite[b - top : d - top, a - left : c - left, None]
    picture[b:d, a:c] += cut * np.array(colour, dtype=np.int32) // 255


@dataclass(frozen=True)
class Sensor:
    """Noise (strength, and where in the noise), white balance, softness in pixels, JPEG quality."""

    noise: float
    grain: tuple[int, int]
    tint: RGB
    blur: float
    quality: int


@lru_cache(maxsize=1)
def _noise() -> npt.NDArray[np.int16]:
    """Bell-shaped noise with a standard deviation near 16, `_TILE`×`_TILE`×3; sums of bytes, so exact everywhere."""
    generator = np.random.Generator(np.random.PCG64(20))
    shape = (_TILE, _TILE, 3)
    total = sum(generator.integers(0, 64, shape, dtype=np.int16) for _ in range(3))
    return (np.asarray(total, dtype=np.int16) - 94) // 2


def smear(layer: Bytes, step: tuple[float, float]) -> Bytes:
    """Blur a layer along a way given in pixels (right, down) by averaging shifted copies."""
    taps = int(max(abs(step[0]), abs(step[1]))) + 1
    if taps < 2:
        return layer
    total = np.zeros(layer.shape, dtype=np.uint16)
    size = layer.shape[0]
    for tap in range(taps):
        share = tap / (taps - 1) - 0.5
        right, down = round(share * step[0]), round(share * step[1])
        to_x, to_y = slice(max(0, right), size + min(0, right)), slice(max(0, down), size + min(0, down))
        at_x, at_y = slice(max(0, -right), size + min(0, -right)), slice(max(0, -down), size + min(0, -down))
        total[to_y, to_x] += layer[at_y, at_x]
    return (total // np.uint16(taps)).astype(np.uint8)


def develop(picture: Bytes, sensor: Sensor) -> Bytes:
    """Turn what falls onto the sensor into what the camera sends, size×size×3 bytes."""
    size = picture.shape[0]
    image = Image.fromarray(picture)
    if sensor.blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(sensor.blur))
    balanced = (np.asarray(image, dtype=np.uint16) * _balance(sensor.tint) >> 7).astype(np.int16)
    y, x = sensor.grain[0] % (_TILE - size), sensor.grain[1] % (_TILE - size)
    strength = int(sensor.noise * 16)
    grain = _noise()[y : y + size, x : x + size] * np.int16(strength) // np.int16(256)
    noisy = (balanced + grain).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=sensor.quality, subsampling=1)
    return np.array(Image.open(stream))


def _balance(tint: RGB) -> npt.NDArray[np.uint16]:
    return np.array([int(128 * factor + 0.5) for factor in tint], dtype=np.uint16)
