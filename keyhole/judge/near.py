"""Which secrets a picture shows large enough that they can be asked for."""

from __future__ import annotations

import math

from keyhole.data.sample import Box, Corners, SecretLabels

PLATE_WIDTH = 40.0
"""Pixels from a plate's left to its right edge, from which on a view is near: a glyph is then 5 pixels wide or more."""
HEAD_WIDTH = 9.0
"""Pixels across the box of a head, from which on a view is near."""


def near_plate(labels: SecretLabels, width: float = PLATE_WIDTH) -> Corners | None:
    """Corners of a plate that is legible and at least ``width`` pixels wide; None where there is none such."""
    corners = labels.plate_corners
    if corners is None or not labels.plate_legible or not labels.plate or not _convex(corners):
        return None
    return corners if math.dist(corners[0], corners[1]) >= width else None


def near_head(box: Box | None, width: float = HEAD_WIDTH) -> Box | None:
    """The box of a head, where it is at least ``width`` pixels wide and high."""
    if box is None or box[2] - box[0] < width or box[3] - box[1] < width:
        return None
    return box


def _convex(corners: Corners) -> bool:
    """Whether the corners go round clockwise (down is positive), turning the same way at each."""
    turns = []
    for place in range(4):
        (ax, ay), (bx, by), (cx, cy) = (corners[(place + step) % 4] for step in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return min(turns) > 1.0
