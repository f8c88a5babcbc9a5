"""Backgrounds of pictures: sky, panorama, and the ground in perspective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from keyhole.data.streetcam.camera import Scene, View
from keyhole.data.streetcam.keyed_random import RGB, Draw
from keyhole.data.streetcam.light import Light, lighting_table, tones
from keyhole.data.streetcam.panorama import WIDTH, Panorama, panorama
from keyhole.data.streetcam.texture import PER_METRE, SIDE, ground, noise

Byte3 = tuple[int, int, int]
_CEILING = 3.2
_CLOUDS = 512


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture of a plane and its mean colour, which stands for all that lies beyond its edge."""

    picture: Image.Image
    mean: Byte3


@lru_cache(maxsize=8)
def background(
    world: int, style: str, scene: Scene, place: float, view: View, light: Light, cloudy: float, wet: bool
) -> Image.Image:
    """The empty scene, RGB, ``view.size`` pixels.

    Args:
        world, style: which textures.
        scene: where.
        place: metres along the road.
        view: the camera's view.
        light: the hour's light.
        cloudy: share of the sky that is covered.
        wet: whether the ground mirrors the sky.
    """
    size = view.size
    strip = panorama(world, scene, style)
    far = (view.eye[0] * view.eye[0] + view.eye[1] * view.eye[1]) ** 0.5 + strip.behind
    base = view.horizon + view.focal / far * view.eye[2]
    picture = _sky(world, view, light, cloudy, min(size, max(0, math.ceil(base)))) if scene != "garage" else _roof(
        world, style, place, view, light)  # fmt: skip
    _ground(picture, world, style, scene, place, view, light, wet)
    if strip.beyond is not None:
        _beyond(picture, strip.beyond, view, light, min(size, math.ceil(base)))
    _strip(picture, strip, scene, view, light, base, far)
    return picture


def _sky(world: int, view: View, light: Light, cloudy: float, rows: int) -> Image.Image:
    size = view.size
    picture = Image.new("RGB", (size, size))
    if rows == 0:
        return picture
    row = np.arange(rows, dtype=np.float32)
    up = np.clip((np.float32(view.horizon) - row) / np.float32(view.focal * 0.55), 0, 1)
    up = up * (2 - up)
    zenith, horizon = (np.array(colour, dtype=np.float32) for colour in (light.zenith, light.horizon))
    colours = (horizon + (zenith - horizon) * up[:, None])[:, None, :]
    wide = max(8, min(_CLOUDS // 2, int(0.75 * size / view.focal * 180)))
    left = int((math.atan2(view.forward[1], view.forward[0]) + math.pi) / math.tau * (_CLOUDS - wide))
    high = max(4, min(_CLOUDS // 2, rows * wide // size))
    crop = _cloud_map(world).resize(
        (size, rows), Image.Resampling.BILINEAR, (left, _CLOUDS // 2 - high, left + wide, _CLOUDS // 2)
    )
    cover = np.asarray(crop, dtype=np.float32)[..., None] * np.float32(cloudy / 255)
    white = np.array(
        [1.15 * light.horizon[i] + 0.25 * min(light.direct[i], light.horizon[i]) for i in range(3)], dtype=np.float32
    )
    colours = colours + (white - colours) * cover
    picture.paste(Image.fromarray(tones(colours * np.float32(light.exposure))))
    return picture


def _roof(world: int, style: str, place: float, view: View, light: Light) -> Image.Image:
    picture = Image.new("RGB", (view.size, view.size), (30, 30, 30))
    rows = min(view.size, math.floor(view.horizon - 1))
    if rows > 0:
        plane = _plane(_ceiling(world, style), view, _CEILING, place, 0, rows)
        picture.paste(_relight(plane, light, 0.55, 0.25))
    return picture


@lru_cache(maxsize=4)
def _ceiling(world: int, style: str) -> Texture:
    picture = ground(world, "garage", style).point([v * 3 // 4 for v in range(256)] * 3)
    for x in range(40, SIDE, 130):
        for y in range(70, SIDE, 170):
            picture.paste((255, 255, 250), (x, y, x + 56, y + 9))
    return Texture(picture, _mean(picture))


def _ground(
    picture: Image.Image, world: int, style: str, scene: Scene, place: float, view: View, light: Light, wet: bool
) -> None:
    size = view.size
    top = max(0, math.ceil(view.horizon + 1))
    if top >= size:
        return
    texture = _levels(world, scene, style)
    per_metre = view.focal / max(1.0, (view.eye[0] ** 2 + view.eye[1] ** 2) ** 0.5)
    level = 0 if per_metre > 16 else 1 if per_metre > 8 else 2
    plane = _plane(texture[level], view, 0.0, place, top, size - top)
    lit = _relight(plane, light, 1.0 if not wet else 0.62, light.sun[2])
    row = np.arange(top, size, dtype=np.float32) - np.float32(view.horizon) + 1
    depth = np.float32(view.eye[2] * view.focal) / row
    haze = depth * np.float32(light.fog)
    haze = haze / (1 + haze)
    blur = depth / np.float32(60.0)
    share = np.minimum(1.0, haze + 0.9 * np.maximum(0, blur - 0.35))
    if wet:
        share = np.minimum(1.0, share + 0.3 * depth / (depth + 8))
    mask = Image.fromarray((share * 255).astype(np.uint8)[:, None]).resize((size, size - top), Image.Resampling.NEAREST)
    lit.paste(_solid(light.horizon, light.exposure * 0.9), (0, 0, size, size - top), mask)
    picture.paste(lit, (0, top))


def _strip(
    picture: Image.Image, strip: Panorama, scene: Scene, view: View, light: Light, base: float, far: float
) -> None:
    size = view.size
    ratio = view.focal / far / strip.per_metre
    top = base - strip.picture.height * ratio
    low, high = max(0, math.floor(top)), min(size, math.ceil(base))
    if high <= low:
        return
    turn = math.atan2(view.forward[1], view.forward[0]) / math.tau
    start = (round(1 - turn, 9) % 1.0) * WIDTH + (0 - view.middle[0]) / ratio
    start %= WIDTH
    wide = min(WIDTH - 1.0, size / ratio)
    box = (start, max(0.0, (low - top) / ratio), start + wide, min(strip.picture.height, (high - top) / ratio))
    shape = (size, high - low)
    gap = 2.0 if ratio < 0.55 else None
    cut = strip.picture.resize(shape, Image.Resampling.BILINEAR, box, gap)
    cover = strip.cover.resize(shape, Image.Resampling.BILINEAR, box, gap)
    lit = _relight(cut, light, 0.85, 0.42)
    haze = light.fog * far / (1 + light.fog * far)
    if haze > 0.01:
        lit = Image.blend(lit, Image.new("RGB", shape, _solid(light.horizon, light.exposure * 0.95)), min(1.0, haze))
    if light.lamps:
        glow = strip.glow.resize(shape, Image.Resampling.BILINEAR, box, gap)
        strength = max(0.0, 1 - 3 * light.zenith[2]) if scene != "garage" else 1.0
        lit.paste(
            (255, 214, 150) if scene != "garage" else (255, 255, 246),
            (0, 0),
            glow.point([int(v * strength * (1 - haze)) for v in range(256)]),
        )
    picture.paste(lit, (0, low), cover)


def _beyond(picture: Image.Image, far_off: Panorama, view: View, light: Light, bottom: int) -> None:
    """Water from the horizon down to the railing, and what stands on its other shore."""
    top = max(0, math.ceil(view.horizon))
    if bottom > top:
        water = [0.5 * light.horizon[i] + 0.08 * light.sky[i] for i in range(3)]
        picture.paste(_solid((water[0], water[1], water[2]), light.exposure * 0.8), (0, top, view.size, bottom))
    _strip(picture, far_off, "bridge", view, light, view.horizon + 1, far_off.behind)


def _plane(texture: Texture, view: View, height: float, place: float, top: int, rows: int) -> Image.Image:
    """A horizontal texture in perspective: rows ``top`` … of the view."""
    per_metre = PER_METRE * texture.picture.width / SIDE
    rise = height - view.eye[2]
    across, down = view.middle
    first = [
        view.forward[i] + (view.right[i] * -across + view.up[i] * (down - top)) / view.focal for i in range(3)
    ]  # fmt: skip
    step_x = [view.right[i] / view.focal for i in range(3)]
    step_y = [-view.up[i] / view.focal for i in range(3)]
    middle = texture.picture.width / 2
    u0, v0 = middle + per_metre * (view.eye[0] + place), middle - per_metre * view.eye[1]
    terms = [
        (u0 * part[2] + per_metre * rise * part[0], v0 * part[2] - per_metre * rise * part[1], part[2])
        for part in (step_x, step_y, first)
    ]
    norm = first[2]
    data = [terms[i][j] / norm for j in (0, 1) for i in (0, 1, 2)] + [step_x[2] / norm, step_y[2] / norm]
    return texture.picture.transform(
        (view.size, rows), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR, fillcolor=texture.mean
    )


@lru_cache(maxsize=16)
def _levels(world: int, scene: Scene, style: str) -> tuple[Texture, ...]:
    finest = ground(world, scene, style)
    return tuple(Texture(level, _mean(level)) for level in (finest, finest.reduce(2), finest.reduce(4)))


def _mean(picture: Image.Image) -> Byte3:
    red, green, blue = picture.resize((1, 1), Image.Resampling.BOX).tobytes()
    return red, green, blue


@lru_cache(maxsize=4)
def _cloud_map(world: int) -> Image.Image:
    shade = noise(Draw("clouds", world), _CLOUDS, _CLOUDS // 2, (5, 11, 29, 70, 140))
    return shade.point([min(255, max(0, int((v - 118) * 4.2))) for v in range(256)])


def _relight(picture: Image.Image, light: Light, sky: float, sun: float) -> Image.Image:
    """An sRGB albedo under shares of the light of sky and sun."""
    factors = [round(light.exposure * (sky * light.sky[i] + sun * light.direct[i]), 4) for i in range(3)]
    return picture.point(lighting_table(*factors))


def _solid(colour: RGB, exposure: float) -> Byte3:
    values: npt.NDArray[np.uint8] = tones(np.array(colour, dtype=np.float32) * np.float32(exposure))
    return int(values[0]), int(values[1]), int(values[2])
