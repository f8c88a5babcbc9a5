"""Truth beside reconstruction, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

_TILE, _GAP, _HEAD = 192, 12, 58
_PAPER, _INK = "#ffffff", "#1b1f24"


def contact_sheet(truths: Sequence[Tensor], columns: Mapping[str, Sequence[Tensor]]) -> Image.Image:
    """One row per picture: truth, then what was made of it.

    Args:
        truths: RGB in [0, 1], 3×H×W each.
        columns: heading of one or two lines → as many reconstructions.
    """
    shown = {"truth": truths, **columns}
    size = (_GAP + len(shown) * (_TILE + _GAP), _HEAD + len(truths) * (_TILE + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, (heading, pictures) in enumerate(shown.items()):
        left = _GAP + column * (_TILE + _GAP)
        draw.text((left, 10), heading, fill=_INK, font=ImageFont.load_default(16))
        for row, picture in enumerate(pictures):
            tile = transform.to_pil_image(picture.clamp(0, 1)).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (left, _HEAD + row * (_TILE + _GAP)))
    return sheet
