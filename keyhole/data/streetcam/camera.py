"""Cameras: their places and viewpoints, and the projection of points to pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from keyhole.data.streetcam.keyed_random import RGB, Draw, Point, cosine, sine
from keyhole.data.streetcam.mesh import Floats

Viewpoint = Literal["front", "front-left", "left", "rear-left", "rear", "rear-right", "right", "front-right"]
VIEWPOINTS: tuple[Viewpoint, ...] = get_args(Viewpoint)
Framing = Literal["near", "middle", "far"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)
Scene = Literal["street", "grassland", "snow field", "bridge", "garage"]
SCENES: tuple[Scene, ...] = get_args(Scene)

CAMERAS = len(VIEWPOINTS) * len(FRAMINGS)

_DISTANCE: dict[Framing, tuple[float, float]] = {"near": (4.5, 6.5), "middle": (8.0, 12.0), "far": (12.0, 18.0)}
_HEIGHT: dict[Framing, tuple[float, float]] = {"near": (1.5, 2.4), "middle": (1.8, 4.5), "far": (2.2, 6.5)}


@dataclass(frozen=True)
class Camera:
    """A camera that hangs in one place.

    Attributes:
        number: 0 … 23 within its set.
        viewpoint: the side from which it sees vehicles.
        framing: how close it is.
        scene: where it hangs.
        azimuth: radians from the direction of travel, counter-clockwise (left is positive).
        height, distance: metres from the ground and from the vehicle's middle.
        place: metres along the road.
        tint: white balance.
        noise: strength of the sensor's noise.
        quality: lowest JPEG quality.
        blur: softness of the lens, pixels at 128.
    """

    number: int
    viewpoint: Viewpoint
    framing: Framing
    scene: Scene
    azimuth: float
    height: float
    distance: float
    place: float
    tint: RGB
    noise: float
    quality: int
    blur: float


@lru_cache(maxsize=512)
def camera(world: int, cameras: str, number: int) -> Camera:
    """One of the 24 cameras of a set: every viewpoint near, at middle distance and far."""
    draw = Draw("camera", world, cameras, number)
    viewpoint = VIEWPOINTS[number % len(VIEWPOINTS)]
    framing = FRAMINGS[number // len(VIEWPOINTS)]
    start = Draw("scenes", world, cameras).below(len(SCENES))
    scene = SCENES[(start + number + number // len(VIEWPOINTS)) % len(SCENES)]
    turn = math.radians(45 * VIEWPOINTS.index(viewpoint))
    if framing == "near" and viewpoint not in ("left", "right"):
        turn *= _towards_axis(viewpoint)
    warm = draw.uniform(-0.05, 0.05) if cameras == "home" else draw.uniform(0.08, 0.16)
    low = scene == "bridge"
    height = draw.uniform(*_HEIGHT[framing])
    return Camera(
        number=number,
        viewpoint=viewpoint,
        framing=framing,
        scene=scene,
        azimuth=turn + math.radians(draw.uniform(-9, 9)),
        height=0.55 * height + 0.2 if low else min(height, 2.5) if scene == "garage" else height,
        distance=min(draw.uniform(*_DISTANCE[framing]), 9.0 if scene == "garage" else 99.0),
        place=draw.uniform(-6, 6),
        tint=(1 + warm, 1 + draw.uniform(-0.02, 0.02), 1 - warm),
        noise=draw.uniform(0.6, 1.8),
        quality=38 + draw.below(45),
        blur=draw.uniform(0.0, 0.35),
    )


def _towards_axis(viewpoint: Viewpoint) -> float:
    """Turns near cameras towards front or rear, so that they can read the plate."""
    return {"front-left": 0.6, "rear-left": 1.13, "rear-right": 0.925, "front-right": 1.057}.get(viewpoint, 1.0)


@dataclass(frozen=True)
class View:
    """A camera's pose and its lens for one picture.

    Attributes:
        eye: metres.
        right, up, forward: unit vectors.
        focal: pixels.
        middle: pixel that looks along ``forward``; may lie outside of the picture.
        size: side of the picture, pixels.
    """

    eye: Point
    right: Point
    up: Point
    forward: Point
    focal: float
    middle: tuple[float, float]
    size: int

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (N×2, right and down) and depths (N, metres) of N×3 points."""
        x, y, z = (points[:, i] - self.eye[i] for i in range(3))
        a, b, c = (axis[0] * x + axis[1] * y + axis[2] * z for axis in (self.right, self.up, self.forward))
        depth = np.maximum(c, 0.2)
        scale = self.focal / depth
        return np.stack([self.middle[0] + a * scale, self.middle[1] - b * scale], axis=1), c

    def pixel(self, point: Point) -> tuple[float, float, float]:
        """Pixel (right, down) and pixels per metre at one point."""
        x, y, z = (point[i] - self.eye[i] for i in range(3))
        a, b, c = (axis[0] * x + axis[1] * y + axis[2] * z for axis in (self.right, self.up, self.forward))
        scale = self.focal / max(c, 0.2)
        return self.middle[0] + a * scale, self.middle[1] - b * scale, scale

    def times(self, factor: int) -> View:
        """This view in finer pixels."""
        across, down = self.middle
        return View(
            self.eye, self.right, self.up, self.forward, self.focal * factor, (across * factor, down * factor),
            self.size * factor,
        )  # fmt: skip

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        flat = math.sqrt(self.forward[0] * self.forward[0] + self.forward[1] * self.forward[1])
        return self.middle[1] + self.focal * self.forward[2] / flat


def look(eye: Point, target: Point) -> View:
    """A view of one pixel's focal length from ``eye`` towards ``target``, upright."""
    x, y, z = (target[i] - eye[i] for i in range(3))
    flat = (x * x + y * y) ** 0.5
    far = (x * x + y * y + z * z) ** 0.5
    forward = (x / far, y / far, z / far)
    right = (y / flat, -x / flat, 0.0)
    up = (
        right[1] * forward[2] - right[2] * forward[1],
        right[2] * forward[0] - right[0] * forward[2],
        right[0] * forward[1] - right[1] * forward[0],
    )
    return View(eye, right, up, forward, 1.0, (0.0, 0.0), 1)


def eye_of(which: Camera) -> Point:
    """Position of a camera in metres; the origin is the vehicle's usual place."""
    return (which.distance * cosine(which.azimuth), which.distance * sine(which.azimuth), which.height)
