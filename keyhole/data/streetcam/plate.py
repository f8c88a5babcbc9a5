"""Number plates and street signs: what is written on them, and how they look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from keyhole.data.streetcam.draws import RGB, Draw, linear
from keyhole.data.streetcam.glyphs import ALPHABET, CELL, layout, write

Texture = npt.NDArray[np.float32]
PLATE_SIZE = (0.84, 0.215)
"""Width and height of a plate in metres."""
SIGN_SIZE = (1.05, 0.36)
"""Width and height of a street sign in metres."""
PLATE_PIXELS = (296, 76)
"""Width and height of a plate's print."""
GLYPHS = 6
_GAP_AFTER = 3
SIGN_GLYPHS = 4

_PLATES = {
    "round": (linear("eeeee8"), linear("10121a")),
    "angular": (linear("ecc428"), linear("0e1e54")),
}
_SIGNS = {
    "round": (linear("163e8a"), linear("f0f2f4")),
    "angular": (linear("18603a"), linear("f4ecc8")),
}


def plate_text(draw: Draw) -> str:
    """Six glyphs, each any of A–Z and 0–9, equally likely."""
    return "".join(draw.pick(ALPHABET) for _ in range(GLYPHS))


def sign_text(draw: Draw) -> str:
    """Four letters."""
    return "".join(draw.pick(ALPHABET[:26]) for _ in range(SIGN_GLYPHS))


@dataclass(frozen=True, eq=False)
class Print:
    """Writing in one colour on another.

    Attributes:
        ink: mode L, 255 where there is ink.
        ground, colour: linear colours of the ground and of the ink.
    """

    ink: Image.Image
    ground: RGB
    colour: RGB

    def level(self, step: float) -> Texture:
        """Ink from 0 to 1, rows×columns, where a pixel covers about ``step`` of the finest texels."""
        factor = 1
        while factor < 8 and step > 1.5 * factor:
            factor *= 2
        reduced = self.ink.reduce(factor) if factor > 1 else self.ink
        return np.asarray(reduced, dtype=np.float32) * np.float32(1 / 255)


def plate_print(text: str, face: str) -> Print:
    """What a plate looks like."""
    wide, tall = PLATE_PIXELS
    ink = Image.new("L", PLATE_PIXELS)
    ImageDraw.Draw(ink).rectangle((2, 2, wide - 3, tall - 3), outline=255, width=3)
    line = write(text, face, gap_after=_GAP_AFTER)
    ink.paste(255, ((wide - line.width) // 2, 10), line)
    return Print(ink, *_PLATES[face])


def glyph_middles() -> tuple[float, ...]:
    """Where the middles of a plate's glyphs are, as shares of its width."""
    places, width = layout(GLYPHS, _GAP_AFTER)
    left = (PLATE_PIXELS[0] - width) // 2
    return tuple((left + place + CELL[0] / 2) / PLATE_PIXELS[0] for place in places)


def sign_print(text: str, face: str) -> Print:
    """What a street sign looks like."""
    ink = Image.new("L", (228, 80))
    ImageDraw.Draw(ink).rectangle((4, 4, 223, 75), outline=255, width=4)
    line = write(text, face)
    ink.paste(255, ((228 - line.width) // 2, 12), line)
    return Print(ink, *_SIGNS[face])
