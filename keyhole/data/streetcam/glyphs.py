"""Two typefaces of A–Z and 0–9, drawn from strokes, so that no font of the system is needed."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw

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
