"""What the camera does to the light: blur, noise, white balance, JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from keyhole.data.streetcam.draws import RGB

Bytes = npt.NDArray[np.uint8]
_TILE = 512


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
