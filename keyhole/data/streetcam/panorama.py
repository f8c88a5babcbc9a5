"""Panoramas behind the road (houses, trees, hills, railings, walls), made once per world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from keyhole.data.streetcam.camera import Scene
from keyhole.data.streetcam.keyed_random import Draw
from keyhole.data.streetcam.texture import grain, noise, ramp

Byte3 = tuple[int, int, int]
WIDTH = 1536
_Paint = Callable[[Draw, Image.Image, Image.Image], None]


@dataclass(frozen=True)
class Panorama:
    """A strip that is wrapped around the place.

    Attributes:
        picture: RGB albedo, twice `WIDTH` wide so that it can be cropped across the seam; its last row stands on the
            ground.
        cover: mode L, where there is something, of the same size.
        glow: mode L, what shines by night, of the same size.
        per_metre: pixels per metre.
        behind: metres from the vehicle to the strip.
        beyond: what stands at the horizon behind it, where the ground ends at the strip.
    """

    picture: Image.Image
    cover: Image.Image
    glow: Image.Image
    per_metre: float
    behind: float
    beyond: Panorama | None = None


@lru_cache(maxsize=16)
def panorama(world: int, scene: Scene, style: str) -> Panorama:
    """The strip of a scene."""
    draw = Draw("panorama", world, scene, style)
    beyond = _strip(draw, 40, 0.5, 400.0, _shore) if scene == "bridge" else None
    return _strip(draw, *_SCENES[scene], beyond)


def _strip(
    draw: Draw, height: int, per_metre: float, behind: float, paint: _Paint, beyond: Panorama | None = None
) -> Panorama:
    picture = Image.new("RGBA", (WIDTH, height))
    glow = Image.new("L", (WIDTH, height))
    paint(draw, picture, glow)
    cover = picture.getchannel("A")
    rough = grain(draw, WIDTH, height).filter(ImageFilter.GaussianBlur(0.8)).point([200 + v // 5 for v in range(256)])
    picture = Image.merge(
        "RGBA", (*ImageChops.multiply(picture.convert("RGB"), Image.merge("RGB", [rough] * 3)).split(), cover)
    )
    solid = picture.convert("RGB").filter(ImageFilter.MaxFilter(3))
    solid.paste(picture.convert("RGB"), (0, 0), cover)
    return Panorama(_twice(solid), _twice(cover), _twice(glow), per_metre, behind, beyond)


def _twice(strip: Image.Image) -> Image.Image:
    both = Image.new(strip.mode, (2 * strip.width, strip.height))
    both.paste(strip, (0, 0))
    both.paste(strip, (strip.width, 0))
    return both


def _street(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    pen, lamp = ImageDraw.Draw(picture), ImageDraw.Draw(glow)
    tall = picture.height
    x = 0
    while x < WIDTH:
        wide = min(90 + draw.below(150), WIDTH - x)
        if draw.chance(0.12):
            x += wide // 2
            continue
        _house(draw, pen, lamp, x, wide, tall - (110 + draw.below(tall - 120)), tall)
        x += wide
    _weather_stain(draw, picture)
    pen = ImageDraw.Draw(picture)
    for _ in range(11):
        _tree(draw, pen, draw.below(WIDTH), tall, 60 + draw.below(60), (44, 66, 28))


def _house(
    draw: Draw, pen: ImageDraw.ImageDraw, lamp: ImageDraw.ImageDraw, x: int, wide: int, top: int, base: int
) -> None:
    wall = draw.pick(((150, 96, 74), (188, 172, 146), (122, 126, 132), (168, 148, 122), (204, 200, 190), (96, 74, 66)))
    pen.rectangle((x, top, x + wide - 1, base), fill=(*wall, 255))
    pen.rectangle((x, top, x + wide - 1, top + 5), fill=(*_shade(wall, 0.6), 255))
    pen.line((x, top, x, base), fill=(*_shade(wall, 0.5), 255), width=2)
    pitch, storey = 20 + draw.below(12), 44 + draw.below(14)
    shop = base - 52
    for row in range(top + 14, shop - 24, storey):
        for column in range(x + 9, x + wide - 14, pitch):
            high = storey - 20
            pen.rectangle((column - 1, row - 1, column + 12, row + high + 1), fill=(*_shade(wall, 1.25), 255))
            dark = 30 + draw.below(50)
            pen.rectangle((column, row, column + 11, row + high), fill=(dark, dark + 8, dark + 16, 255))
            pen.polygon(
                ((column, row), (column + 11, row), (column, row + high * 0.7)),
                fill=(dark + 34, dark + 44, dark + 58, 255),
            )
            if draw.chance(0.3):
                lamp.rectangle((column, row, column + 11, row + high), fill=90 + draw.below(160))
    front = draw.pick(((40, 44, 52), (92, 28, 26), (28, 62, 48), (60, 52, 40)))
    pen.rectangle((x, shop, x + wide - 1, base), fill=(*front, 255))
    for column in range(x + 6, x + wide - 24, 40):
        pen.rectangle((column, shop + 12, column + 32, base - 8), fill=(58, 66, 74, 255))
        pen.polygon(((column, shop + 12), (column + 18, shop + 12), (column, base - 14)), fill=(104, 114, 122, 255))
        if draw.chance(0.5):
            lamp.rectangle((column, shop + 12, column + 32, base - 8), fill=150 + draw.below(100))
    pen.rectangle((x + 4, shop + 2, x + wide - 5, shop + 9), fill=(*_shade(front, 2.0), 255))


def _grassland(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    tall = picture.height
    _ridge(draw, picture, glow, tall * 0.5, tall * 0.22, (92, 108, 104))
    _ridge(draw, picture, glow, tall * 0.3, tall * 0.14, (78, 98, 62))
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        _tree(draw, pen, draw.below(WIDTH), tall - draw.below(6), 12 + draw.below(26), (48, 66, 32))
    pen.rectangle((0, tall - 3, WIDTH, tall), fill=(84, 96, 44, 255))


def _snow(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    tall = picture.height
    _ridge(draw, picture, glow, tall * 0.72, tall * 0.4, (178, 190, 208))
    _ridge(draw, picture, glow, tall * 0.3, tall * 0.16, (214, 220, 228))
    pen = ImageDraw.Draw(picture)
    for _ in range(90):
        x, size = draw.below(WIDTH), 12 + draw.below(26)
        base = tall - draw.below(8)
        for step in range(4):
            y, half = base - size * step * 0.24, size * (0.3 - 0.06 * step)
            shade = 46 + 14 * step + draw.below(14)
            pen.polygon(((x - half, y), (x + half, y), (x, y - size * 0.42)), fill=(shade, shade + 16, shade + 8, 255))
            pen.line((x - half * 0.7, y - 2, x, y - size * 0.34), fill=(226, 230, 236, 255), width=2)


def _shore(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    tall = picture.height
    _ridge(draw, picture, glow, 7, 6, (112, 122, 128))
    pen, lamp = ImageDraw.Draw(picture), ImageDraw.Draw(glow)
    x = 0
    while x < WIDTH:
        wide, high = 2 + draw.below(7), 2 + draw.below(8) + (14 if draw.chance(0.12) else 0)
        shade = 96 + draw.below(40)
        pen.rectangle((x, tall - high, x + wide, tall), fill=(shade - 8, shade, shade + 10, 255))
        for row in range(tall - high + 1, tall - 1, 2):
            if draw.chance(0.5):
                lamp.point((x + 1 + draw.below(wide), row), fill=200)
        x += wide + draw.below(5)


def _bridge(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    tall = picture.height
    pen, lamp = ImageDraw.Draw(picture), ImageDraw.Draw(glow)
    first = 150 + draw.below(80)
    for mast in range(first, WIDTH, 384):
        for foot in range(-7, 8):
            pen.line((mast, 6, mast + foot * 26, tall - 18), fill=(126, 132, 138, 255), width=1)
        pen.rectangle((mast - 5, 0, mast + 5, tall), fill=(158, 158, 154, 255))
        lamp.rectangle((mast - 4, 4, mast + 4, 9), fill=230)
    for y in (tall - 26, tall - 18):
        pen.rectangle((0, y, WIDTH, y + 1), fill=(146, 150, 152, 255))
    pen.rectangle((0, tall - 9, WIDTH, tall), fill=(150, 148, 142, 255))
    for x in range(0, WIDTH, 32):
        pen.rectangle((x, tall - 27, x + 2, tall), fill=(136, 140, 142, 255))


def _garage(draw: Draw, picture: Image.Image, glow: Image.Image) -> None:
    tall = picture.height
    wall = ramp(noise(draw, WIDTH, tall, (20, 90, 400)), (112, 112, 108), (150, 149, 143))
    picture.paste(wall)
    pen, lamp = ImageDraw.Draw(picture), ImageDraw.Draw(glow)
    pen.rectangle((0, tall - 34, WIDTH, tall - 22), fill=(186, 150, 44, 255))
    pen.rectangle((0, 12, WIDTH, 17), fill=(150, 54, 44, 255))
    for x in range(0, WIDTH, 128):
        pen.rectangle((x, 0, x + 22, tall), fill=(168, 166, 160, 255))
        pen.rectangle((x + 16, 0, x + 22, tall), fill=(118, 117, 113, 255))
        pen.rectangle((x, tall - 40, x + 22, tall - 18), fill=(44, 44, 46, 255))
        if draw.chance(0.6):
            pen.rectangle((x + 44, 30, x + 92, 36), fill=(240, 242, 236, 255))
            lamp.rectangle((x + 44, 30, x + 92, 36), fill=255)
        if draw.chance(0.3):
            pen.rectangle((x + 52, tall - 76, x + 88, tall), fill=(74, 84, 96, 255))
    picture.paste(picture.filter(ImageFilter.GaussianBlur(0.7)))


def _ridge(draw: Draw, picture: Image.Image, glow: Image.Image, level: float, swing: float, colour: Byte3) -> None:
    tall = picture.height
    heights = noise(draw, WIDTH, 8, (6, 18, 60, 200)).crop((0, 3, WIDTH, 4)).tobytes()
    first, last = heights[0], heights[-1]
    points: list[tuple[float, float]] = [(0, tall)]
    for x in range(0, WIDTH, 3):
        closed = heights[x] + (first - last) * x / WIDTH
        points.append((x, tall - level - swing * (closed - 128) / 128))
    shade = ramp(noise(draw, WIDTH, tall, (30, 120, 400)), _shade(colour, 0.8), _shade(colour, 1.15))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon([*points, (WIDTH, tall)], fill=255)
    picture.paste(shade, (0, 0), mask)
    glow.paste(0, (0, 0), mask)


def _tree(draw: Draw, pen: ImageDraw.ImageDraw, x: int, base: int, size: int, leaf: Byte3) -> None:
    pen.line((x, base, x, base - size * 0.6), fill=(66, 54, 44, 255), width=max(2, size // 14))
    blobs = 40 + 2 * size
    for step in range(blobs):
        up, away = draw.bell(0.3, 1.2), draw.bell(-0.55, 0.55)
        light = (0.4 + 0.75 * (up - 0.3) + 0.35 * step / blobs - 0.25 * away) * draw.uniform(0.8, 1.25)
        radius = size * draw.uniform(0.025, 0.08)
        a, b = x + away * size, base - up * size
        pen.ellipse((a - radius, b - radius, a + radius, b + radius), fill=(*_shade(leaf, max(0.35, light)), 255))


def _weather_stain(draw: Draw, picture: Image.Image) -> None:
    stain = noise(draw, *picture.size, (30, 120, 500)).point([min(255, 190 + v // 4) for v in range(256)])
    alpha = picture.getchannel("A")
    picture.paste(ImageChops.multiply(picture.convert("RGB"), Image.merge("RGB", [stain] * 3)))
    picture.putalpha(alpha)


def _shade(colour: Byte3, factor: float) -> Byte3:
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return red, green, blue


_SCENES: dict[Scene, tuple[int, float, float, _Paint]] = {
    "street": (270, 18.0, 7.5, _street),
    "grassland": (90, 4.5, 55.0, _grassland),
    "snow field": (120, 4.5, 55.0, _snow),
    "bridge": (260, 20.0, 7.2, _bridge),
    "garage": (128, 40.0, 7.5, _garage),
}
