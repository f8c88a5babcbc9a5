"""Noise and ground textures, made once per world: seen from above, 24 pixels a metre."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from keyhole.data.streetcam.camera import Scene
from keyhole.data.streetcam.keyed_random import Draw

SIDE = 1152
PER_METRE = 24


def noise(draw: Draw, width: int, height: int, cells: tuple[int, ...]) -> Image.Image:
    """Grey cloud-like noise, mode L: bytes blown up from grids of so many cells across."""
    layers = [
        grain(draw, cell, max(2, cell * height // width)).resize((width, height), Image.Resampling.BILINEAR)
        for cell in cells
    ]
    total = layers[0]
    for number, layer in enumerate(layers[1:]):
        total = Image.blend(total, layer, 1 / (number + 2.6))
    return total


def grain(draw: Draw, width: int, height: int) -> Image.Image:
    """Fine grain, mode L."""
    generator = np.random.Generator(np.random.PCG64(draw.below(1 << 30)))
    bits: npt.NDArray[np.uint8] = generator.integers(0, 256, (height, width), dtype=np.uint8)
    return Image.fromarray(bits)


def ramp(shade: Image.Image, dark: tuple[int, int, int], bright: tuple[int, int, int]) -> Image.Image:
    """Colour a grey picture between two colours."""
    tables = [[d + (b - d) * v // 255 for v in range(256)] for d, b in zip(dark, bright, strict=True)]
    return Image.merge("RGB", [shade.point(table) for table in tables])


def across(y: float) -> float:
    """Pixel row of metres to the left of the road's middle."""
    return SIDE / 2 - PER_METRE * y


@lru_cache(maxsize=16)
def ground(world: int, scene: Scene, style: str) -> Image.Image:
    """The ground of a scene, RGB albedo, `SIDE` pixels; the road runs along x, columns grow forward."""
    draw = Draw("ground", world, scene, style)
    picture = _BASE[scene](draw)
    fine = grain(draw, SIDE, SIDE).filter(ImageFilter.BoxBlur(0.6)).point([118 + v // 12 for v in range(256)])
    return ImageChops.multiply(picture, Image.merge("RGB", [fine.point([min(255, 2 * v) for v in range(256)])] * 3))


def _street(draw: Draw) -> Image.Image:
    picture = ramp(noise(draw, SIDE, SIDE, (9, 40, 160)), (66, 67, 70), (104, 104, 104))
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = draw.below(SIDE), draw.below(SIDE)
        grey = 56 + draw.below(30)
        pen.rectangle((x, y, x + 30 + draw.below(200), y + 20 + draw.below(60)), fill=(grey, grey, grey + 2))
    for _ in range(26):
        points = [(draw.uniform(0, SIDE), draw.uniform(0, SIDE))]
        for _ in range(10):
            a, b = points[-1]
            points.append((a + draw.uniform(-24, 24), b + draw.uniform(-16, 16)))
        pen.line(points, fill=(48, 48, 50), width=2)
    for lane, dashed in ((1.85, True), (-1.85, False), (5.5, False)):
        row = across(lane)
        for x in range(0, SIDE, 144 if dashed else SIDE):
            pen.rectangle((x, row - 2, x + (72 if dashed else SIDE), row + 2), fill=(206, 206, 198))
    for side in (-1, 1):
        low, high = sorted((across(side * (4.1 if side < 0 else 6.6)), across(side * 24.0)))
        walk = ramp(noise(draw, SIDE, SIDE, (12, 90)), (128, 124, 118), (158, 154, 146))
        tiles = ImageDraw.Draw(walk)
        for x in range(0, SIDE, 15):
            tiles.line((x, 0, x, SIDE), fill=(112, 109, 104))
            tiles.line((0, x, SIDE, x), fill=(112, 109, 104))
        box = (0, int(low), SIDE, int(high))
        picture.paste(walk.crop(box), box[:2])
        edge = across(side * (4.1 if side < 0 else 6.6))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((0, edge - 4, SIDE, edge + 4), fill=(170, 168, 162))
        pen.rectangle((0, edge + 4 * side, SIDE, edge + 4 * side + 3) if side > 0 else (0, edge - 8, SIDE, edge - 5),
                      fill=(52, 52, 54))  # fmt: skip
    start = int(SIDE / 2 + 170 + draw.below(60))
    for stripe in range(9):
        row = across(-3.6 + 1.1 * stripe)
        pen.rectangle((start, row - 12, start + 74, row), fill=(210, 210, 204))
    return picture


def _grassland(draw: Draw) -> Image.Image:
    field = ramp(noise(draw, SIDE, SIDE, (7, 40, 170, 330)), (52, 66, 26), (134, 148, 66))
    gravel = ramp(noise(draw, SIDE, SIDE, (12, 90, 300)), (112, 98, 78), (168, 152, 126))
    mask = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(mask)
    pen.rectangle((0, across(2.7), SIDE, across(-2.7)), fill=235)
    pen.rectangle((0, across(0.3), SIDE, across(-0.3)), fill=110)
    ragged = ImageChops.add(mask.filter(ImageFilter.GaussianBlur(14)), noise(draw, SIDE, SIDE, (60, 200)), 1.0, -128)
    return Image.composite(gravel, field, ragged.point([min(255, max(0, 4 * (v - 90))) for v in range(256)]))


def _snow(draw: Draw) -> Image.Image:
    field = ramp(noise(draw, SIDE, SIDE, (6, 30, 120)), (205, 212, 222), (246, 248, 250))
    slush = ramp(noise(draw, SIDE, SIDE, (20, 160, 300)), (120, 122, 128), (206, 210, 216))
    mask = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(mask)
    for y in (-2.4, -0.85, 0.85, 2.6):
        pen.rectangle((0, across(y + 0.3), SIDE, across(y - 0.3)), fill=190)
    ragged = ImageChops.multiply(mask.filter(ImageFilter.GaussianBlur(5)), noise(draw, SIDE, SIDE, (50, 150)).point(
        [min(255, 60 + v) for v in range(256)]))  # fmt: skip
    return Image.composite(slush, field, ragged)


def _bridge(draw: Draw) -> Image.Image:
    picture = ramp(noise(draw, SIDE, SIDE, (8, 50, 200)), (112, 111, 108), (148, 146, 140))
    pen = ImageDraw.Draw(picture)
    for x in range(0, SIDE, 190):
        pen.rectangle((x, 0, x + 5, SIDE), fill=(60, 60, 60))
    for y, colour in ((2.1, (222, 178, 52)), (-2.1, (214, 214, 208)), (5.4, (214, 214, 208))):
        pen.rectangle((0, across(y) - 3, SIDE, across(y) + 2), fill=colour)
    for y in (-3.4, 7.2):
        pen.rectangle((0, across(y + 0.35), SIDE, across(y - 0.35)), fill=(168, 166, 160))
    return picture


def _garage(draw: Draw) -> Image.Image:
    picture = ramp(noise(draw, SIDE, SIDE, (10, 40, 130)), (110, 112, 112), (142, 143, 140))
    pen = ImageDraw.Draw(picture)
    for _ in range(30):
        x, y, size = draw.below(SIDE), draw.below(SIDE), 6 + draw.below(26)
        pen.ellipse((x, y, x + size, y + size * 0.7), fill=(78, 79, 79))
    picture = picture.filter(ImageFilter.GaussianBlur(2))
    pen = ImageDraw.Draw(picture)
    for x in range(12, SIDE, 62):
        for near, far in ((3.0, 7.5), (-7.5, -3.0)):
            pen.rectangle((x, across(far), x + 3, across(near)), fill=(216, 190, 70))
    for side in (-3.0, 3.0):
        pen.rectangle((0, across(side) - 1, SIDE, across(side) + 2), fill=(216, 190, 70))
    return picture


_BASE = {"street": _street, "grassland": _grassland, "snow field": _snow, "bridge": _bridge, "garage": _garage}
