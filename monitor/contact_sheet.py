"""Truth and reconstructions side by side, in one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from keyhole.presentation import attacks
from monitor.gallery import Exhibit

_TILE, _GAP, _CAPTION, _HEAD = 224, 16, 30, 66
_PAPER, _INK, _FAINT, _EMPTY = "#ffffff", "#1b1f24", "#667085", "#eef0f3"


def contact_sheet(exhibits: Sequence[Exhibit], titles: dict[str, str]) -> Image.Image:
    """One row per frame: truth, then each attack's last reconstruction with its PSNR and SSIM.

    Args:
        exhibits: frames, at least one.
        titles: heading by attack, in the order of the columns.
    """
    width = _GAP + (1 + len(titles)) * (_TILE + _GAP)
    height = _HEAD + len(exhibits) * (_TILE + _CAPTION + _GAP)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, (name, title) in enumerate([("", "Truth"), *titles.items()]):
        colour = attacks.colour(name) if name else _INK
        heading = title.replace(" · ", "\n")
        draw.text((_left(column), _HEAD - 8), heading, fill=colour, font=ImageFont.load_default(17), anchor="ld")
    for row, exhibit in enumerate(exhibits):
        top = _HEAD + row * (_TILE + _CAPTION + _GAP)
        _tile(sheet, draw, (_left(0), top), exhibit.truth, exhibit.frame_id)
        for column, attack in enumerate(titles, start=1):
            shown = exhibit.shown.get(attack)
            caption = f"{shown.score.psnr:.1f} dB    SSIM {shown.score.ssim:.3f}" if shown else "not attacked"
            _tile(sheet, draw, (_left(column), top), shown.png if shown else None, caption)
    return sheet


def _left(column: int) -> int:
    return _GAP + column * (_TILE + _GAP)


def _tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, corner: tuple[int, int], png: bytes | None, caption: str
) -> None:
    left, top = corner
    if png is None:
        draw.rectangle((left, top, left + _TILE, top + _TILE), fill=_EMPTY)
    else:
        with Image.open(io.BytesIO(png)) as picture:
            picture.thumbnail((_TILE, _TILE))
            scale = _TILE / max(picture.size)
            size = (round(picture.width * scale), round(picture.height * scale))
            sheet.paste(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC), (left, top))
    draw.text((left, top + _TILE + 7), caption, fill=_FAINT, font=ImageFont.load_default(15))
