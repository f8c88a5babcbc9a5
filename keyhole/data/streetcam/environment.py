"""What polished paint and glass mirror: the scene as seen from the vehicle, in octahedral coordinates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from keyhole.data.streetcam.camera import Scene
from keyhole.data.streetcam.draws import Draw
from keyhole.data.streetcam.light import Light
from keyhole.data.streetcam.texture import noise

Floats = npt.NDArray[np.float32]
SIDE = 96

_SKYLINE: dict[Scene, tuple[float, float]] = {
    "street": (0.3, 0.2), "grassland": (0.07, 0.06), "snow field": (0.1, 0.08), "bridge": (0.05, 0.03),
    "garage": (0.34, 0.03),
}  # fmt: skip
_LAMPS = (0.75, 0.75, 0.72)
_WALL: dict[Scene, float] = {"street": 0.22, "grassland": 0.2, "snow field": 0.6, "bridge": 0.4, "garage": 0.45}


@lru_cache(maxsize=600)
def environment(world: int, scene: Scene, light: Light) -> Floats:
    """Linear light from every direction, (`SIDE`·`SIDE`)×3; see `cells` for the order."""
    colours = (light.zenith, light.horizon, light.sky, light.direct, light.ground, _LAMPS)
    shares = _shares(world, scene)
    channels = []
    for i in range(3):
        total = shares[0] * np.float32(colours[0][i])
        for share, colour in zip(shares[1:], colours[1:], strict=True):
            total += share * np.float32(colour[i])
        channels.append(total.reshape(-1))
    return np.stack(channels, axis=1)


@lru_cache(maxsize=16)
def _shares(world: int, scene: Scene) -> tuple[Floats, ...]:
    """How much of zenith, horizon, sky, sun, ground and lamps is seen in each direction, `SIDE`×`SIDE` each."""
    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / np.float32(SIDE / 2) - 1
    u, v = np.broadcast_arrays(axis[None, :], axis[:, None])
    z = 1 - np.abs(u) - np.abs(v)
    x = np.where(z < 0, (1 - np.abs(v)) * np.where(u < 0, -1, 1), u)
    y = np.where(z < 0, (1 - np.abs(u)) * np.where(v < 0, -1, 1), v)
    norm = np.sqrt(x * x + y * y + z * z)
    x, z = x / norm, z / norm
    clouds = np.asarray(noise(Draw("mirror", world, scene), SIDE, SIDE, (5, 12, 24)), dtype=np.float32)
    level, swing = _SKYLINE[scene]
    open_sky = (z >= level + swing * (clouds - 128) / 48) & (z >= 0)
    wall = (~open_sky & (z >= 0)) * (0.75 + clouds / 512) * _WALL[scene]
    lamps = open_sky & (z > 0.5) & (np.abs((x * 3) % 1 - 0.5) < 0.16) & (scene == "garage")
    cover = np.clip((clouds - 120) / 90, 0, 0.7)
    high = np.clip(z, 0, 1) * (2 - np.clip(z, 0, 1))
    clear = (open_sky & ~lamps) * (1 - cover)
    hidden = (open_sky & ~lamps) * cover
    shares = (
        clear * high,
        clear * (1 - high),
        0.7 * hidden + 0.8 * wall,
        0.3 * hidden + 0.4 * wall,
        (z < 0) * (0.55 + 0.6 * np.clip(-z, 0, 1)),
        lamps * 1.0,
    )
    return tuple(_soften(share.astype(np.float32)) for share in shares)


def _soften(result: Floats) -> Floats:
    """Blur a little: no paint is a perfect mirror."""
    for _ in range(4):
        for axis in (0, 1):
            result = (np.roll(result, 1, axis) + result + np.roll(result, -1, axis)) / np.float32(3)
    return result


def cells(x: Floats, y: Floats, z: Floats) -> npt.NDArray[np.int32]:
    """Row of `environment` for each direction; only additions, products and quotients, so exact everywhere."""
    ax, ay = np.abs(x), np.abs(y)
    norm = ax + ay + np.abs(z)
    u, v = x / norm, y / norm
    below = z < 0
    if below.any():
        folded = (1 - ay / norm) * np.where(u < 0, np.float32(-1), np.float32(1))
        v = np.where(below, (1 - ax / norm) * np.where(v < 0, np.float32(-1), np.float32(1)), v)
        u = np.where(below, folded, u)
    half = np.float32(SIDE / 2)
    column = np.minimum((u + 1) * half, SIDE - 1).astype(np.int32)
    row = np.minimum((v + 1) * half, SIDE - 1).astype(np.int32)
    place: npt.NDArray[np.int32] = row * np.int32(SIDE) + column
    return place
