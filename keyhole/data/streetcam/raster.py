"""Faces as a map of face numbers, and the points of it that are shaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.keyed_random import Point, cosine, sine
from keyhole.data.streetcam.mesh import Faces, Floats, Layer, dot

Map = npt.NDArray[np.int32]

FINE = 2
"""How much finer the map of faces is than the picture."""
Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pose:
    """Pose of a vehicle: position on the ground in metres, and heading in radians from x, counter-clockwise."""

    x: float
    y: float
    heading: float

    def turn(self, vectors: Floats) -> Floats:
        """Directions from the vehicle's axes to the world's."""
        c, s = cosine(self.heading), sine(self.heading)
        return np.stack(
            [c * vectors[:, 0] - s * vectors[:, 1], s * vectors[:, 0] + c * vectors[:, 1], vectors[:, 2]], axis=1
        )

    def move(self, points: Floats) -> Floats:
        """Points from the vehicle's axes to the world's."""
        moved: Floats = self.turn(points) + np.array([self.x, self.y, 0.0])
        return moved

    def point(self, point: Point) -> Point:
        """One point from the vehicle's axes to the world's."""
        c, s = cosine(self.heading), sine(self.heading)
        return c * point[0] - s * point[1] + self.x, s * point[0] + c * point[1] + self.y, point[2]

    def back(self, point: Point) -> Point:
        """One point from the world's axes to the vehicle's."""
        return self.back_turn((point[0] - self.x, point[1] - self.y, point[2]))

    def back_turn(self, vector: Point) -> Point:
        """One direction from the world's axes to the vehicle's."""
        c, s = cosine(self.heading), sine(self.heading)
        return c * vector[0] + s * vector[1], c * vector[1] - s * vector[0], vector[2]


@dataclass(frozen=True)
class Projected:
    """Faces as a camera sees them.

    Attributes:
        faces: what was projected.
        world: corners in the world, V×3.
        normals: V×3, in the world.
        pixels: corners in the picture, V×2.
        depth: middle of each face, metres, F.
        facing: which faces turn towards the camera, F.
    """

    faces: Faces
    world: Floats
    normals: Floats
    pixels: Floats
    depth: Floats
    facing: npt.NDArray[np.bool_]

    def corner_list(self) -> list[int]:
        """Corners rounded to pixels: right, down, right, down, …"""
        flat: list[int] = np.clip(np.rint(self.pixels), -20000, 20000).astype(np.int64).reshape(-1).tolist()
        return flat


def project(faces: Faces, pose: Pose, view: View) -> Projected:
    """Turn, move and project all faces."""
    world, normals = pose.move(faces.points), pose.turn(faces.normals)
    pixels, depths = view.project(world)
    corners = world[faces.corners]
    middle = (corners[:, 0] + corners[:, 1] + corners[:, 2] + corners[:, 3]) / 4
    tilt = normals[faces.corners]
    mean = tilt[:, 0] + tilt[:, 1] + tilt[:, 2] + tilt[:, 3]
    eye = np.array(view.eye)
    deep = depths[faces.corners]
    return Projected(
        faces=faces,
        world=world,
        normals=normals,
        pixels=pixels,
        depth=(deep[:, 0] + deep[:, 1] + deep[:, 2] + deep[:, 3]) / 4,
        facing=(dot(eye - middle, mean) > 0) & (deep.min(axis=1) > 0.3),
    )


def order(seen: Projected, pose: Pose, view: View) -> list[int]:
    """Faces that are visible, from far to near as painters do it."""
    faces = seen.faces
    hand = (view.eye[1] - pose.y) * cosine(pose.heading) - (view.eye[0] - pose.x) * sine(pose.heading)
    near_side = faces.side * hand > 0
    ahead = (view.eye[0] - pose.x) * cosine(pose.heading) + (view.eye[1] - pose.y) * sine(pose.heading)
    layer = np.where((faces.side != 0) & ~near_side, np.where(faces.layer == Layer.TOP, Layer.BEHIND, -1), faces.layer)
    roof = np.flatnonzero(layer == Layer.ROOF)
    if len(roof):
        above = view.eye[2] > faces.points[faces.start[roof], 2].min() + 0.15
        layer[roof] = Layer.TOP if above else Layer.BEHIND
    part = faces.part if ahead > 0 else -faces.part
    shown = seen.facing & (layer >= 0)
    sorted_layer = (layer == Layer.BODY) | (layer == Layer.TOP)
    deep = np.where(sorted_layer, -seen.depth, 0.0)
    body = np.where(layer == Layer.BODY, part, 0)
    ranks: list[int] = np.lexsort((np.arange(len(layer)), deep, body, layer)).tolist()
    visible = shown.tolist()
    return [face for face in ranks if visible[face]]


def paint(seen: Projected, sequence: list[int], view: View, fine: float) -> Map:
    """A map of face numbers plus one, 0 where there is none, size×size.

    Args:
        seen: projected faces.
        sequence: which to draw, in this order.
        view: for its size.
        fine: width of lines in pixels.
    """
    canvas = Image.new("I", (view.size, view.size))
    pen = ImageDraw.Draw(canvas)
    flat = seen.corner_list()
    start, count, lines = seen.faces.start.tolist(), seen.faces.count.tolist(), seen.faces.open.tolist()
    width = max(1, round(fine))
    for face in sequence:
        first = 2 * start[face]
        corners = flat[first : first + 2 * count[face]]
        if lines[face]:
            pen.line(corners, fill=face + 1, width=width)
        else:
            pen.polygon(corners, fill=face + 1)
    return np.asarray(canvas)


def planes(values: Floats, pixels: Floats) -> Floats:
    """Fit a plane over the picture to values at the four corners of each face.

    Args:
        values: F×4×K.
        pixels: F×4×2.

    Returns:
        F×K×3: value at pixel (0, 0), change per pixel to the right, change per pixel down.
    """
    x, y = pixels[..., 0], pixels[..., 1]
    middle_x, middle_y = (_sum(x) / 4)[:, None], (_sum(y) / 4)[:, None]
    x, y = x - middle_x, y - middle_y
    mean = (values[:, 0] + values[:, 1] + values[:, 2] + values[:, 3]) / 4
    xx, yy, xy = _sum(x * x) + 0.5, _sum(y * y) + 0.5, _sum(x * y)
    determinant = xx * yy - xy * xy
    off = values - mean[:, None]
    xv, yv = _sum(x[..., None] * off), _sum(y[..., None] * off)
    across = (yy[:, None] * xv - xy[:, None] * yv) / determinant[:, None]
    down = (xx[:, None] * yv - xy[:, None] * xv) / determinant[:, None]
    return np.stack([mean - across * middle_x - down * middle_y, across, down], axis=2)


def _sum(values: Floats) -> Floats:
    result: Floats = values[:, 0] + values[:, 1] + values[:, 2] + values[:, 3]
    return result


@dataclass(frozen=True)
class Samples:
    """Points to shade.

    Attributes:
        face: number of the face that each shows (0 also where it shows none).
        x, y: where it is, in the map's pixels.
        plain: pixels of the picture that have one sample; theirs come first.
        mixed: pixels that have four; theirs follow, all first ones, all second ones, …
        covered: of the four samples of the mixed pixels, which show a face, 4×M.
        size: side of the picture.
    """

    face: npt.NDArray[np.int32]
    x: Floats32
    y: Floats32
    plain: Ints
    mixed: Ints
    covered: npt.NDArray[np.uint16]
    size: int

    def gather(self, colours: Bytes) -> Bytes:
        """Mean of each pixel's samples.

        Args:
            colours: 3×N bytes, one column a sample.

        Returns:
            size×size×4: RGB, weakened by coverage, and coverage.
        """
        result = np.zeros((self.size * self.size, 4), dtype=np.uint8)
        count = len(self.plain)
        for i in range(3):
            result[self.plain, i] = colours[i, :count]
            four = colours[i, count:].reshape(4, -1) * self.covered
            result[self.mixed, i] = (four[0] + four[1] + four[2] + four[3] + 2) >> 2
        result[self.plain, 3] = 255
        covered = self.covered
        result[self.mixed, 3] = (255 * (covered[0] + covered[1] + covered[2] + covered[3])) >> 2
        return result.reshape(self.size, self.size, 4)


def pick(face_map: Map, detailed: npt.NDArray[np.bool_]) -> Samples:
    """Choose the samples.

    Args:
        face_map: face numbers plus one, 0 where there is none; twice as fine as the picture.
        detailed: which of these numbers are always sampled four times, because they show a picture.
    """
    size = face_map.shape[0] // 2
    four = [face_map[i::2, j::2].reshape(-1) for i in (0, 1) for j in (0, 1)]
    first = four[0]
    same = (first == four[1]) & (first == four[2]) & (first == four[3])
    whole = same & ~detailed[first]
    plain = np.flatnonzero(whole & (first > 0))
    mixed = np.flatnonzero(~whole)
    row, column = np.divmod(np.concatenate([plain, np.tile(mixed, 4)]), size)
    x, y = (2 * column).astype(np.float32), (2 * row).astype(np.float32)
    count, step = len(plain), len(mixed)
    x[:count] += 0.5
    y[:count] += 0.5
    for number in range(1, 4):
        part = slice(count + number * step, count + (number + 1) * step)
        x[part] += number % 2
        y[part] += number // 2
    numbers = np.concatenate([first[plain], *(values[mixed] for values in four)])
    covered = (numbers[count:].reshape(4, -1) > 0).astype(np.uint16)
    return Samples(np.maximum(numbers - 1, 0), x, y, plain, mixed, covered, size)
