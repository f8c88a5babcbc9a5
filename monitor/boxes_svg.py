"""Boxes that the cloud answered with as a drawing, which lies over the edge's own picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from keyhole.v1.referee_pb2 import Detection

COLOURS = ("#ff6b5e", "#ffd34d", "#4dd2ff", "#7dff8a", "#d59bff", "#ffa64d")
"""Of classes, in the order in which they come."""


def boxes_svg(found: Sequence[Detection], size: tuple[int, int], colours: dict[str, str]) -> str:
    """Boxes as SVG, fitted into a square as pictures are.

    Args:
        found: in pixels of the picture.
        size: height and width of the picture.
        colours: by label; a class that is new gets the next one.
    """
    height, width = size
    for each in found:
        colours.setdefault(each.label, COLOURS[len(colours) % len(COLOURS)])
    shapes = "".join(_shape(each, max(size), colours[each.label]) for each in found)
    return f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="xMidYMid meet">{shapes}</svg>'


def _shape(found: Detection, side: int, colour: str) -> str:
    box = found.box
    wide, tall = max(0.0, box.right - box.left), max(0.0, box.bottom - box.top)
    return (
        f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="none" '
        f'stroke="{colour}" stroke-width="{side / 128:.2f}"/>'
        f'<text x="{box.left:.1f}" y="{max(box.top - side / 128, side / 20):.1f}" font-size="{side / 22:.1f}" '
        f'fill="{colour}">{escape(found.label)}</text>'
    )
