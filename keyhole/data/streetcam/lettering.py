"""Lettering: a typeface drawn from strokes, and the number plates and street signs that are written in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from keyhole.data.streetcam.keyed_random import RGB, Draw, linear

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CELL = (40, 56)

_STROKES: dict[str, str] = dict(
    zip(
        ALPHABET,
        (
            "062046/1434",
            "00063645443303/3342413000",
            "4130100105163645",
            "00062644422000",
            "40000646/0333",
            "400006/0333",
            "41301001051636454323",
            "0006/4046/0343",
            "2026",
            "1040/3035261605",
            "0006/400346",
            "000646",
            "0600234046",
            "06004640",
            "103041453616050110",
            "06003041423303",
            "103041453616050110/2446",
            "06003041423303/2346",
            "413010010213334445361605",
            "0040/2026",
            "000516364540",
            "002640",
            "0016233640",
            "0046/4006",
            "002340/2326",
            "00400646",
            "103041453616050110/3214",
            "112026/0646",
            "01103041420646",
            "004023334445361605",
            "36300444",
            "400003334445361605",
            "3010010516364544330313",
            "004016",
            "3313020110304142331304051636454433",
            "43130201103041453616",
        ),
        strict=True,
    )
)
_FACES = {"round": (8, 0.0, 1.0), "angular": (6, 0.16, 0.86)}

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


@lru_cache(maxsize=128)
def glyph(character: str, face: str = "round") -> Image.Image:
    """One character as white on black, mode L, `CELL` pixels.

    Args:
        character: one of `ALPHABET`.
        face: ``round`` (upright, bold) or ``angular`` (slanted, narrow, light).
    """
    width, slant, narrow = _FACES[face]
    scale = 2
    cell = Image.new("L", (CELL[0] * scale, CELL[1] * scale))
    pen = ImageDraw.Draw(cell)
    for stroke in _STROKES[character].split("/"):
        points = [
            (scale * (6 + narrow * 7 * int(x) + slant * 6 * (6 - int(y))), scale * (6 + 7.4 * int(y)))
            for x, y in zip(stroke[::2], stroke[1::2], strict=True)
        ]
        pen.line(points, fill=255, width=width * scale)
        radius = width * scale / 2 - 0.5
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return cell.reduce(scale)


def write(text: str, face: str, gap_after: int = 0) -> Image.Image:
    """A line of text as white on black, mode L, 56 pixels high; a wider gap after the first ``gap_after`` glyphs."""
    places, width = layout(len(text), gap_after)
    line = Image.new("L", (width, CELL[1]))
    for place, character in zip(places, text, strict=True):
        line.paste(glyph(character, face), (place, 0))
    return line


def layout(count: int, gap_after: int = 0) -> tuple[tuple[int, ...], int]:
    """Left edges of the glyphs of a line as `write` sets it, and the line's width, both in pixels."""
    pitch, gap = CELL[0] + 2, 16 if 0 < gap_after < count else 0
    places = tuple(1 + pitch * place + (gap if place >= gap_after else 0) for place in range(count))
    return places, pitch * count + gap


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
    """The print of a plate with six glyphs."""
    wide, tall = PLATE_PIXELS
    ink = Image.new("L", PLATE_PIXELS)
    ImageDraw.Draw(ink).rectangle((2, 2, wide - 3, tall - 3), outline=255, width=3)
    line = write(text, face, gap_after=_GAP_AFTER)
    ink.paste(255, ((wide - line.width) // 2, 10), line)
    return Print(ink, *_PLATES[face])


def glyph_middles() -> tuple[float, ...]:
    """Middles of a plate's glyphs from left to right, as shares of its width."""
    places, width = layout(GLYPHS, _GAP_AFTER)
    left = (PLATE_PIXELS[0] - width) // 2
    return tuple((left + place + CELL[0] / 2) / PLATE_PIXELS[0] for place in places)


def sign_print(text: str, face: str) -> Print:
    """The print of a street sign with four letters."""
    ink = Image.new("L", (228, 80))
    ImageDraw.Draw(ink).rectangle((4, 4, 223, 75), outline=255, width=4)
    line = write(text, face)
    ink.paste(255, ((228 - line.width) // 2, 12), line)
    return Print(ink, *_SIGNS[face])
