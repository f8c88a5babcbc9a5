"""Light of sun, sky and mirrored surroundings by hour and weather, and the tone curve that makes it bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from keyhole.data.streetcam.camera import Scene
from keyhole.data.streetcam.keyed_random import RGB, Draw, Point, cosine, mix, sine
from keyhole.data.streetcam.texture import noise

Weather = Literal["clear", "rain", "snow", "fog"]
WEATHERS: tuple[Weather, ...] = get_args(Weather)
FIRST_HOUR, LAST_HOUR = 5, 23

_GROUND: dict[Scene, RGB] = {
    "street": (0.1, 0.1, 0.1), "grassland": (0.1, 0.13, 0.05), "snow field": (0.62, 0.66, 0.72),
    "bridge": (0.17, 0.17, 0.16), "garage": (0.12, 0.12, 0.115),
}  # fmt: skip

_STEPS = 2048
Floats = npt.NDArray[np.float32]
MIRROR_SIDE = 96
_SKYLINE: dict[Scene, tuple[float, float]] = {
    "street": (0.3, 0.2), "grassland": (0.07, 0.06), "snow field": (0.1, 0.08), "bridge": (0.05, 0.03),
    "garage": (0.34, 0.03),
}  # fmt: skip
_LAMPS = (0.75, 0.75, 0.72)
_WALL: dict[Scene, float] = {"street": 0.22, "grassland": 0.2, "snow field": 0.6, "bridge": 0.4, "garage": 0.45}


@dataclass(frozen=True)
class Light:
    """Light at one hour in one weather; colours are linear.

    Attributes:
        sun: unit vector towards the sun, or towards the lamps by night and in the garage.
        direct, sky, ground: light from there.
        zenith, horizon: colours of the sky.
        exposure: factor before the tone curve.
        fog: share that mist hides per metre.
        lamps: whether headlamps are on.
        hardness: how sharp shadows are, 0 … 1.
    """

    sun: Point
    direct: RGB
    sky: RGB
    ground: RGB
    zenith: RGB
    horizon: RGB
    exposure: float
    fog: float
    lamps: bool
    hardness: float


@lru_cache(maxsize=1024)
def light(scene: Scene, hour: int, weather: Weather) -> Light:
    """Light in a scene.

    Args:
        scene: where.
        hour: 5 … 22.
        weather: what comes from the sky.
    """
    if scene == "garage":
        return _finish((0.2, -0.25, 0.947), (0.16, 0.165, 0.15), (0.3, 0.31, 0.29), (0.07, 0.07, 0.065),
                       (0.22, 0.22, 0.21), (0.2, 0.2, 0.19), 0.0, True, 0.35, scene)  # fmt: skip
    rise = math.pi * (hour + 0.25 - 6) / 14
    height = 0.95 * sine(rise)
    turn = (hour - 13) * 0.26 + 1.1
    flat = max(0.05, 1 - height * height) ** 0.5
    sun = (flat * cosine(turn), flat * sine(turn), max(0.12, height))
    norm = (sun[0] * sun[0] + sun[1] * sun[1] + sun[2] * sun[2]) ** 0.5
    sun = (sun[0] / norm, sun[1] / norm, sun[2] / norm)
    day = min(1.0, max(0.0, (height + 0.12) / 0.35))
    warm = min(1.0, max(0.0, 1 - height / 0.55))
    colour = mix((1.0, 0.96, 0.9), (1.0, 0.62, 0.34), warm)
    zenith = mix((0.012, 0.016, 0.035), (0.16, 0.32, 0.66), day)
    horizon = mix((0.035, 0.035, 0.05), mix((0.62, 0.74, 0.86), (0.95, 0.66, 0.45), warm * warm), day)
    if weather != "clear":
        grey = {"rain": 0.36, "snow": 0.7, "fog": 0.62}[weather] * (0.04 + 0.96 * day)
        zenith = mix(zenith, (grey * 0.96, grey, grey * 1.05), 0.9)
        horizon = mix(horizon, (grey * 1.08, grey * 1.1, grey * 1.14), 0.88)
    power = {"clear": 1.0, "rain": 0.1, "snow": 0.18, "fog": 0.12}[weather] * (0.05 + 1.75 * day if day > 0 else 0)
    direct = (colour[0] * power, colour[1] * power, colour[2] * power)
    sky = mix(mix(zenith, horizon, 0.5), (0.75, 0.8, 0.85), 0.25 * day)
    if day < 0.35:
        glow = 1 - day / 0.35
        sun, direct = (0.3, 0.35, 0.887), mix(direct, (0.4, 0.3, 0.17), glow)
        sky = mix(sky, (0.1, 0.085, 0.07), 0.8 * glow)
    ground = _GROUND[scene]
    bounce = (
        ground[0] * (sky[0] + direct[0] * sun[2]), ground[1] * (sky[1] + direct[1] * sun[2]),
        ground[2] * (sky[2] + direct[2] * sun[2]),
    )  # fmt: skip
    mist = {"clear": 0.0006, "rain": 0.008, "snow": 0.012, "fog": 0.028}[weather]
    hard = {"clear": 0.95, "rain": 0.15, "snow": 0.25, "fog": 0.1}[weather]
    return _finish(
        sun, direct, sky, bounce, zenith, horizon, mist, day < 0.55 or weather in ("rain", "fog"), hard, scene
    )


def _finish(
    sun: Point, direct: RGB, sky: RGB, ground: RGB, zenith: RGB, horizon: RGB, fog: float, lamps: bool,
    hardness: float, scene: Scene,
) -> Light:  # fmt: skip
    mean = sum(0.8 * sky[i] + 0.6 * direct[i] for i in range(3)) / 3
    exposure = 0.98 / (mean**0.78 + 0.02)
    if scene == "snow field":
        exposure *= 0.64
    return Light(sun, direct, sky, ground, zenith, horizon, round(exposure, 6), fog, lamps, hardness)


@lru_cache(maxsize=1)
def tone_curve() -> npt.NDArray[np.uint8]:
    """sRGB bytes of linear light from 0 to 4 in 8192 steps: gamma with a soft shoulder."""
    values = []
    for step in range(4 * _STEPS):
        x = step / _STEPS
        shoulder = x if x < 0.6 else 0.6 + 0.4 * (1 - math.exp(-(x - 0.6) / 0.4 * 0.9))
        shoulder = shoulder * (0.8 + 0.2 * min(1.0, shoulder / 0.35))
        srgb = 12.92 * shoulder if shoulder < 0.0031308 else 1.055 * shoulder ** (1 / 2.4) - 0.055
        values.append(min(255, max(0, round(255 * round(srgb, 6)))))
    return np.array(values, dtype=np.uint8)


def tone(value: float) -> int:
    """The byte of one linear value."""
    return _tone_bytes()[min(4 * _STEPS - 1, max(0, int(value * _STEPS)))]


@lru_cache(maxsize=1)
def _tone_bytes() -> bytes:
    return tone_curve().tobytes()


def tones(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Bytes of linear light."""
    steps = np.minimum(np.maximum(colours * np.float32(_STEPS), 0), 4 * _STEPS - 1).astype(np.int32)
    result: npt.NDArray[np.uint8] = tone_curve().take(steps)
    return result


@lru_cache(maxsize=2048)
def lighting_table(red: float, green: float, blue: float) -> list[int]:
    """For `Image.point`: an sRGB albedo under light of one colour (exposure included), 3·256 bytes."""
    steps = np.array([red, green, blue])[:, None] * _decoded() * _STEPS
    table: list[int] = tone_curve()[np.minimum(steps, 4 * _STEPS - 1).astype(np.int64)].reshape(-1).tolist()
    return table


@lru_cache(maxsize=1)
def _decoded() -> npt.NDArray[np.float64]:
    return np.array([round((byte / 255) ** 2.2, 9) for byte in range(256)])


@lru_cache(maxsize=600)
def environment(world: int, scene: Scene, light: Light) -> Floats:
    """Linear light from every direction, (`MIRROR_SIDE`·`MIRROR_SIDE`)×3; see `cells` for the order."""
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
    """Shares of zenith, horizon, sky, sun, ground and lamps in each direction, `MIRROR_SIDE`×`MIRROR_SIDE` each."""
    axis = (np.arange(MIRROR_SIDE, dtype=np.float32) + 0.5) / np.float32(MIRROR_SIDE / 2) - 1
    u, v = np.broadcast_arrays(axis[None, :], axis[:, None])
    z = 1 - np.abs(u) - np.abs(v)
    x = np.where(z < 0, (1 - np.abs(v)) * np.where(u < 0, -1, 1), u)
    y = np.where(z < 0, (1 - np.abs(u)) * np.where(v < 0, -1, 1), v)
    norm = np.sqrt(x * x + y * y + z * z)
    x, z = x / norm, z / norm
    clouds = np.asarray(noise(Draw("mirror", world, scene), MIRROR_SIDE, MIRROR_SIDE, (5, 12, 24)), dtype=np.float32)
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
    half = np.float32(MIRROR_SIDE / 2)
    column = np.minimum((u + 1) * half, MIRROR_SIDE - 1).astype(np.int32)
    row = np.minimum((v + 1) * half, MIRROR_SIDE - 1).astype(np.int32)
    place: npt.NDArray[np.int32] = row * np.int32(MIRROR_SIDE) + column
    return place
