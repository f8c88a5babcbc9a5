"""A truck's box: what it carries, behind the cab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Layer, Mesh
from keyhole.data.streetcam.shapes import Shape

_FLOOR = 0.92
_SECTION = ((1.0, 0.0), (1.0, 0.35), (1.0, 0.7), (1.0, 0.97), (0.96, 1.0), (0.4, 1.0))


class Sided(Protocol):
    """Something with two sides that carries marks: a hull or a box."""

    @property
    def rear(self) -> float: ...

    @property
    def front(self) -> float: ...

    @property
    def shape(self) -> Shape: ...

    def side(self, x: float, up: float, hand: int) -> Point: ...


@dataclass(frozen=True)
class Load:
    """A box from ``rear`` to ``front``, metres."""

    rear: float
    front: float
    shape: Shape

    def side(self, x: float, up: float, hand: int) -> Point:
        """A point on the side: up 0 at the floor … 1 below the roof; hand +1 left, -1 right."""
        return (x, hand * (0.5 * self.shape.width + 0.004), _FLOOR + 0.04 + up * 0.92 * (self._top - _FLOOR))

    @property
    def _top(self) -> float:
        return self.shape.height + 0.12

    def add(self, mesh: Mesh) -> None:
        """Add the box with its frame, tail lamps, bumper and underride bar."""
        half, tall = 0.5 * self.shape.width, self._top - _FLOOR
        right = [(-half * y, _FLOOR + tall * z) for y, z in _SECTION]
        ring = [*right, *((-y, z) for y, z in right[::-1])]
        stations = [self.rear + share * (self.front - self.rear) for share in (0, 0.25, 0.5, 0.75, 1)]
        skin = [Stuff.BOX] * (len(ring) - 1)
        mesh.grid(np.array([[(x, y, z) for y, z in ring] for x in stations]), [skin] * 4)
        for x, out in ((self.rear, -1.0), (self.front, 1.0)):
            with mesh.mirrored():
                door: list[Point] = [
                    (x, 0.0, _FLOOR), (x, half, _FLOOR), (x, half, self._top), (x, 0.0, self._top),
                ]  # fmt: skip
                mesh.polygon(door, (out, 0.0, 0.1), Stuff.BOX, Layer.BODY)
        self._trim(mesh, half)

    def _trim(self, mesh: Mesh, half: float) -> None:
        back: Point = (-1.0, 0.0, 0.15)
        x = self.rear - 0.005
        mesh.polygon([(x, 0, _FLOOR), (x, 0, self._top)], back, Stuff.GAP, Layer.MARKS, line=True)
        with mesh.mirrored():
            bar: list[Point] = [(x, 0.35 * half, _FLOOR), (x, 0.35 * half, self._top)]
            mesh.polygon(bar, back, Stuff.CHROME, Layer.MARKS, line=True)
            for z in (_FLOOR + 0.02, self._top - 0.04):
                edge = [(self.rear, half, z), (self.front, half, z)]
                mesh.polygon(edge, (0, 1, 0), Stuff.CHROME, Layer.MARKS, side=1, line=True)
        y = half * 0.98
        bumper: list[Point] = [(x, -y, 0.55), (x, y, 0.55), (x, y, 0.9), (x, -y, 0.9)]
        mesh.polygon(bumper, back, Stuff.TRIM, Layer.MARKS)
        with mesh.mirrored():
            lamp: list[Point] = [(x, y, 0.64), (x, 0.72 * y, 0.64), (x, 0.72 * y, 0.84)]
            mesh.polygon([*lamp, (x, y, 0.84)], back, Stuff.TAILLAMP, Layer.MARKS)
        with mesh.mirrored():
            guard: list[Point] = [
                (self.rear + 0.3, half, 0.5), (self.front, half, 0.5),
                (self.front, half, 0.85), (self.rear + 0.3, half, 0.85),
            ]  # fmt: skip
            mesh.polygon(guard, (0, 1, 0.1), Stuff.TRIM, Layer.MARKS, side=1)
