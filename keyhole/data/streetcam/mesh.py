"""Meshes: faces in space with normals, stored in arrays so that a whole vehicle is projected at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from keyhole.data.streetcam.keyed_random import Point
from keyhole.data.streetcam.materials import Stuff

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Layer(IntEnum):
    """Order of drawing; within `BODY` and `TOP` far faces come first, elsewhere the order of adding counts.

    What is on the roof is drawn like `TOP` from above and like `BEHIND` from below.
    """

    BACKDROP = 0
    BEHIND = 1
    UNDER = 2
    BODY = 3
    MARKS = 4
    WHEELS = 5
    TOP = 6
    ROOF = 7


@dataclass(frozen=True)
class Faces:
    """Faces of several corners; a face of two corners or with ``open`` set is a line.

    Attributes:
        points, normals: V×3, corners of all faces one after the other.
        start, count: F, where a face's corners begin and how many they are.
        corners: F×4, four of a face's corners, from which its normals are interpolated.
        stuff, layer, part: F, material, `Layer` and part of the vehicle (0 rear or only, 1 cab).
        side: F, +1 or -1 where the face is drawn only if that side faces the camera, else 0.
        open: F, whether it is a line.
    """

    points: Floats
    normals: Floats
    start: Ints
    count: Ints
    corners: Ints
    stuff: Ints
    layer: Ints
    part: Ints
    side: Ints
    open: npt.NDArray[np.bool_]


@dataclass
class Mesh:
    """Faces while they are being gathered."""

    _points: list[Floats] = field(default_factory=list)
    _normals: list[Floats] = field(default_factory=list)
    _flat_points: list[Point] = field(default_factory=list)
    _flat_normals: list[Point] = field(default_factory=list)
    _count: list[int] = field(default_factory=list)
    _traits: list[tuple[int, int, int, int, bool]] = field(default_factory=list)

    def grid(self, points: Floats, stuff: Sequence[Sequence[Stuff]], layer: Layer = Layer.BODY, part: int = 0) -> None:
        """Add a surface of A×B×3 points as (A-1)×(B-1) faces with smooth normals."""
        self._flush()
        quads, normals = smooth(points)
        self._points.append(quads.reshape(-1, 3))
        self._normals.append(normals.reshape(-1, 3))
        cells = [material for row in stuff for material in row]
        self._count.extend([4] * len(cells))
        depth = int(layer)
        self._traits.extend([(int(material), depth, part, 0, False) for material in cells])

    def polygon(
        self, points: Sequence[Point], normal: Point, stuff: Stuff, layer: Layer, *, part: int = 0, side: int = 0,
        line: bool = False,
    ) -> None:  # fmt: skip
        """Add a flat face, or a line through its points."""
        self._flat_points.extend(points)
        self._flat_normals.append(normal)
        self._count.append(len(points))
        self._traits.append((int(stuff), int(layer), part, side, line))

    @contextmanager
    def mirrored(self) -> Iterator[None]:
        """Add every polygon within the context a second time on the other side (y negated)."""
        corners, faces = len(self._flat_points), len(self._flat_normals)
        yield
        added = len(self._flat_normals) - faces
        if added == 0:
            return
        self._flat_points += [(x, -y, z) for x, y, z in self._flat_points[corners:]]
        self._flat_normals += [(x, -y, z) for x, y, z in self._flat_normals[faces:]]
        self._count += self._count[-added:]
        self._traits += [(stuff, layer, part, -side, line) for stuff, layer, part, side, line in self._traits[-added:]]

    def box(self, low: Point, high: Point, stuff: Stuff, layer: Layer = Layer.BODY, part: int = 0) -> None:
        """Add the four sides and the top of a box."""
        (a, b, c), (d, e, f) = low, high
        sides: tuple[tuple[tuple[Point, ...], Point], ...] = (
            (((d, b, c), (d, e, c), (d, e, f), (d, b, f)), (1, 0, 0)),
            (((a, b, c), (a, e, c), (a, e, f), (a, b, f)), (-1, 0, 0)),
            (((a, e, c), (d, e, c), (d, e, f), (a, e, f)), (0, 1, 0)),
            (((a, b, c), (d, b, c), (d, b, f), (a, b, f)), (0, -1, 0)),
            (((a, b, f), (d, b, f), (d, e, f), (a, e, f)), (0, 0, 1)),
        )
        for points, normal in sides:
            self.polygon(points, normal, stuff, layer, part=part)

    def _flush(self) -> None:
        if self._flat_points:
            counts = self._count[-len(self._flat_normals) :]
            flat = np.fromiter(chain.from_iterable(self._flat_points), np.float64, 3 * sum(counts))
            self._points.append(flat.reshape(-1, 3))
            self._normals.append(np.repeat(np.array(self._flat_normals, dtype=np.float64), counts, axis=0))
            self._flat_points.clear()
            self._flat_normals.clear()

    def faces(self) -> Faces:
        """All faces so far."""
        self._flush()
        count = np.array(self._count, dtype=np.int64)
        start = np.cumsum(count) - count
        spread = np.stack([np.zeros_like(count), count // 4, count // 2, (3 * count) // 4], axis=1)
        traits = np.fromiter(chain.from_iterable(self._traits), np.int64, 5 * len(self._traits)).reshape(-1, 5)
        return Faces(
            points=np.concatenate(self._points),
            normals=np.concatenate(self._normals),
            start=start,
            count=count,
            corners=start[:, None] + spread,
            stuff=traits[:, 0],
            layer=traits[:, 1],
            part=traits[:, 2],
            side=traits[:, 3],
            open=traits[:, 4].astype(bool),
        )


def join(first: Faces, second: Faces) -> Faces:
    """The faces of both, those of ``second`` last."""
    offset = len(first.points)
    moved = replace(second, start=second.start + offset, corners=second.corners + offset)
    names = [item.name for item in fields(Faces)]
    return Faces(**{name: np.concatenate([getattr(first, name), getattr(moved, name)]) for name in names})


def smooth(points: Floats, crease: float = 0.72) -> tuple[Floats, Floats]:
    """Quads of a grid of points and normals of their corners, averaged over neighbours at less than a crease.

    Args:
        points: A×B×3.
        crease: cosine of the angle from which an edge is sharp.

    Returns:
        corners (A-1)×(B-1)×4×3 and unit normals of the same shape, pointing away from the grid's middle.
    """
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    flat = cross(c - a, d - b)
    flat /= np.sqrt(np.maximum(dot(flat, flat), 1e-18))[..., None]
    middle = (points.min(axis=(0, 1)) + points.max(axis=(0, 1))) / 2
    outward = dot(flat, (a + c) / 2 - middle)
    if float(np.sign(outward).sum()) < 0:
        flat = -flat
    padded = np.pad(flat, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = flat.shape[:2]
    around = np.stack([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=2)
    around *= (dot(around, flat[:, :, None]) > crease)[..., None]
    near = around[:, :, _NEIGHBOURS]
    normals = near[:, :, :, 0] + near[:, :, :, 1] + near[:, :, :, 2] + near[:, :, :, 3]
    normals /= np.sqrt(np.maximum(dot(normals, normals), 1e-18))[..., None]
    return np.stack([a, b, c, d], axis=2), normals


def dot(a: Floats, b: Floats) -> Floats:
    """Dot products over the last axis, summed in a fixed order."""
    result: Floats = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return result


def cross(a: Floats, b: Floats) -> Floats:
    """Cross products over the last axis."""
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        axis=-1,
    )


_NEIGHBOURS = np.array([[0, 1, 3, 4], [3, 4, 6, 7], [4, 5, 7, 8], [1, 2, 4, 5]])
