"""Light on surfaces, pixel by pixel, and the shadows that vehicles cast on the ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.keyed_random import Point
from keyhole.data.streetcam.lettering import Print
from keyhole.data.streetcam.light import Light, cells, tones
from keyhole.data.streetcam.materials import Material, Stuff
from keyhole.data.streetcam.model import Model
from keyhole.data.streetcam.raster import Map, Pose, Projected, pick, planes

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_LINEAR = np.array([round((value / 255) ** 2.2, 7) for value in range(256)], dtype=np.float32)
_Spot = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    """Cover of the vehicle in one picture: mud on its lower half, snow on surfaces that face up (both 0 … 1), rain."""

    dirt: float
    snow: float
    wet: float


@dataclass(frozen=True)
class Label:
    """A picture on a face of four corners: face number and picture."""

    face: int
    picture: Print


def shade(
    face_map: Map, seen: Projected, table: Sequence[Material], labels: Sequence[Label], interior: Image.Image,
    mirror: Floats, view: View, light: Light, surface: Surface,
) -> Bytes:  # fmt: skip
    """Colour every pixel that shows a face, four samples a pixel where it shows more than one.

    Args:
        face_map: face numbers plus one, as `raster.paint` gives them, twice as fine as the picture.
        seen: the projected faces.
        table: materials in the order of `Stuff`.
        labels: plates and signs.
        interior: RGB, what is behind glass, in the map's pixels.
        mirror: the surroundings, as `environment` gives them.
        view: in the map's pixels.
        light: the hour's light.
        surface: mud, snow and rain.

    Returns:
        (size/2)×(size/2)×4 bytes: RGB, weakened by coverage, and coverage.
    """
    detailed = np.zeros(len(seen.faces.count) + 1, dtype=bool)
    detailed[1:] = seen.faces.stuff == int(Stuff.GLASS)
    for label in labels:
        detailed[label.face + 1] = True
    samples = pick(face_map, detailed)
    x, y = samples.x, samples.y
    used, face = _compact(samples.face, len(seen.faces.count))
    corners = seen.faces.corners[used]
    varying = np.concatenate([seen.normals[corners], seen.world[corners][..., 2:]], axis=2)
    fit = planes(varying, seen.pixels[corners]).astype(np.float32)
    per_face = np.array([_traits(material) for material in table], dtype=np.float32)[seen.faces.stuff[used]]

    nx, ny, nz, height = (_plane(fit[:, i], face, x, y) for i in range(4))
    norm = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-6))
    nx, ny, nz = nx * norm, ny * norm, nz * norm
    vx, vy, vz = _rays(view, x, y)
    cosine = nx * vx + ny * vy + nz * vz
    twice = cosine + cosine
    rx, ry, rz = twice * nx - vx, twice * ny - vy, twice * nz - vz
    away = 1 - np.minimum(np.maximum(cosine, 0.02), 1)

    head_on, gloss, glass, own = (per_face[:, i].take(face) for i in range(3, 7))
    base = [per_face[:, i].take(face) for i in range(3)]
    for label in labels:
        _apply(label, base, face, used, x, y, seen)
    gloss = _cover(base, gloss, glass, height, nz, surface)

    square = away * away
    reflect = (head_on + (1 - head_on) * (square * square * away)) * gloss
    seen_there = mirror.take(cells(rx, ry, rz), axis=0)
    sun = light.sun
    lit = np.maximum(nx * sun[0] + ny * sun[1] + nz * sun[2], 0)
    spark = np.maximum(rx * sun[0] + ry * sun[1] + rz * sun[2], 0)
    for _ in range(5):
        spark = spark * spark
    open_sky = np.minimum(np.maximum(height * 1.6 + 0.25, 0.3), 1)
    upward = (0.5 + 0.5 * nz) * open_sky
    spark *= reflect * np.float32(3.0 * light.hardness)
    keep, mirrored = 1 - reflect, reflect * open_sky
    panes = np.flatnonzero(glass > 0)
    place = y[panes].astype(np.int32) * view.size + x[panes].astype(np.int32)
    behind = np.asarray(interior).reshape(-1, 3).take(place, axis=0)
    through = glass[panes] * keep[panes] * np.float32(0.92)
    keep *= 1 - glass
    exposure, haze = light.exposure, _haze(view, light)
    colours = np.empty((3, len(face)), dtype=np.float32)
    for i in range(3):
        ambient = light.ground[i] + (light.sky[i] - light.ground[i]) * upward
        colour = base[i] * (ambient + light.direct[i] * lit) * keep
        colour += mirrored * seen_there[:, i]
        colour += spark * light.direct[i]
        colour *= exposure
        colour[panes] += _LINEAR.take(behind[:, i]) * through
        colour += own * base[i]
        colour += (light.horizon[i] * exposure * 0.95 - colour) * haze
        colours[i] = colour
    return samples.gather(tones(colours))


def _compact(face: npt.NDArray[np.int32], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    present = np.zeros(count, dtype=bool)
    present[face] = True
    used = np.flatnonzero(present)
    place = np.zeros(count, dtype=np.int64)
    place[used] = np.arange(len(used))
    return used, place[face]


def _traits(material: Material) -> tuple[float, ...]:
    return (*material.colour, material.head_on, material.mirror, material.glass, material.light)


def _plane(fit: Floats, face: npt.NDArray[np.int64], x: Floats, y: Floats) -> Floats:
    result: Floats = fit[:, 0].take(face) + fit[:, 1].take(face) * x + fit[:, 2].take(face) * y
    return result


def _rays(view: View, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit vectors from the surface to the camera."""
    a = (x - np.float32(view.middle[0])) * np.float32(-1 / view.focal)
    b = (y - np.float32(view.middle[1])) * np.float32(1 / view.focal)
    norm = 1 / np.sqrt(a * a + b * b + 1)
    vx, vy, vz = (
        (a * np.float32(view.right[i]) + b * np.float32(view.up[i]) - np.float32(view.forward[i])) * norm
        for i in range(3)
    )
    return vx, vy, vz


def _cover(base: list[Floats], gloss: Floats, glass: Floats, height: Floats, nz: Floats, surface: Surface) -> Floats:
    """Mix mud and snow into the colours, in place, and give what is left of the mirror."""
    if surface.dirt > 0:
        mud = np.clip(1.1 - height * 1.4, 0, 1) * np.float32(surface.dirt) * (1 - glass)
        for i, colour in enumerate((0.16, 0.125, 0.085)):
            base[i] += (np.float32(colour) - base[i]) * mud
        gloss = gloss * (1 - mud)
    if surface.snow > 0:
        white = np.clip((nz - 0.55) * 4, 0, 1) * np.float32(surface.snow) * (1 - 0.75 * glass)
        for i, colour in enumerate((0.86, 0.88, 0.92)):
            base[i] += (np.float32(colour) - base[i]) * white
        glass -= glass * white
        gloss = gloss * (1 - white)
    return gloss


def _apply(
    label: Label, base: list[Floats], face: npt.NDArray[np.int64], used: npt.NDArray[np.int64], x: Floats, y: Floats,
    seen: Projected,
) -> None:  # fmt: skip
    found = np.flatnonzero(used == label.face)
    if len(found) == 0:
        return
    spots = np.flatnonzero(face == found[0])
    corners = seen.pixels[seen.faces.corners[label.face]][None]
    unit = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    fit = planes(unit, corners)[0].astype(np.float32)
    step = max(abs(float(fit[0, 1])) + abs(float(fit[0, 2])), 1e-6) * label.picture.ink.width
    texture = label.picture.level(step)
    rows, columns = texture.shape[:2]
    u = np.clip((fit[0, 0] + fit[0, 1] * x[spots] + fit[0, 2] * y[spots]) * columns - 0.5, 0, columns - 1.001)
    v = np.clip((fit[1, 0] + fit[1, 1] * x[spots] + fit[1, 2] * y[spots]) * rows - 0.5, 0, rows - 1.001)
    left, top = u.astype(np.int32), v.astype(np.int32)
    a, b = u - left, v - top
    place = top * columns + left
    flat = np.ascontiguousarray(texture).reshape(-1)
    upper = flat.take(place) * (1 - a) + flat.take(place + 1) * a
    lower = flat.take(place + columns) * (1 - a) + flat.take(place + columns + 1) * a
    ink = upper * (1 - b) + lower * b
    for i, (ground, colour) in enumerate(zip(label.picture.ground, label.picture.colour, strict=True)):
        base[i][spots] = ground + (colour - ground) * ink


def _haze(view: View, light: Light) -> float:
    far = math.sqrt(view.eye[0] * view.eye[0] + view.eye[1] * view.eye[1])
    return light.fog * far / (1 + light.fog * far)


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
