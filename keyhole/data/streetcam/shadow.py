"""Shadows on the ground: the sun's, and the dark below a vehicle."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.light import Light
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.raster import Pose
from keyhole.data.streetcam.shading import Bytes

_Spot = tuple[float, float]


def cast(background: Image.Image, model: Model, pose: Pose, view: View, light: Light) -> Bytes:
    """The background with the vehicle's shadows, size×size×3 bytes."""
    world = [pose.point(point) for point in model.outline]
    scale = view.pixel((pose.x, pose.y, 0.0))[2]
    sun = light.sun
    thrown = [(x - sun[0] * z / sun[2], y - sun[1] * z / sun[2], 0.0) for x, y, z in world]
    feet = [(x, y, 0.0) for x, y, z in world[:8]]
    half_x, half_y = 0.47 * model.shape.length, 0.44 * model.shape.width
    below = [
        pose.point((x, y, 0.0)) for x, y in ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
    ]
    strength = light.hardness
    masks = [
        _mask(view, [*thrown, *feet], 0.02 + 0.12 * (1 - light.hardness), scale, 0.9 * strength),
        _mask(view, feet, 0.32, scale, 0.55),
        _mask(view, below, 0.07, scale, 0.85),
    ]
    soft = ImageChops.invert(ImageChops.lighter(masks[1], masks[2]))
    keep = [
        ImageChops.multiply(soft, ImageChops.subtract(white, ImageChops.multiply(masks[0], dark)))
        for white, dark in ((_flat(view, 255), _flat(view, _darkness(light, i))) for i in range(3))
    ]
    return np.asarray(ImageChops.multiply(background, Image.merge("RGB", keep)))


def _flat(view: View, value: int) -> Image.Image:
    return Image.new("L", (view.size, view.size), value)


def _darkness(light: Light, channel: int) -> int:
    """How much of a byte the missing sun takes."""
    sun = light.direct[channel] * light.sun[2]
    share = sun / (sun + light.sky[channel] + 1e-6)
    return int(255 * (1 - (1 - share) ** 0.5))


def _mask(view: View, points: list[Point], soft: float, scale: float, strength: float) -> Image.Image:
    mask = Image.new("L", (view.size, view.size))
    spots = [view.pixel(point)[:2] for point in points]
    ImageDraw.Draw(mask).polygon(_around(spots), fill=int(255 * strength))
    return mask.filter(ImageFilter.BoxBlur(max(0.6, min(12.0, soft * scale))))


def _around(spots: list[_Spot]) -> list[_Spot]:
    """Convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted(set(spots))
    if len(ordered) < 3:
        return ordered

    def chain(points: list[_Spot]) -> list[_Spot]:
        kept: list[_Spot] = []
        for point in points:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return chain(ordered) + chain(ordered[::-1])


def _turn(a: _Spot, b: _Spot, c: _Spot) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
