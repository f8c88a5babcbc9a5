"""Contact sheets: truths beside what attacks made of them, as one picture."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

_TILE, _GAP, _CAPTION, _HEAD = 224, 16, 30, 66
_PAPER, _INK, _FAINT, _EMPTY = "#ffffff", "#1b1f24", "#667085", "#eef0f3"


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    Attributes:
        picture: of any size; None: a grey square stands in its place.
        caption: below it.
    """

    picture: Image.Image | None
    caption: str = ""

    @classmethod
    def of_png(cls, png: bytes, caption: str) -> Tile:
        """The tile of a picture in a file's bytes."""
        with Image.open(io.BytesIO(png)) as picture:
            return cls(picture.convert("RGB"), caption)


@dataclass(frozen=True)
class Column:
    """Pictures of one origin.

    Attributes:
        heading: one or two lines.
        tiles: from top to bottom.
        colour: of the heading.
    """

    heading: str
    tiles: Sequence[Tile]
    colour: str = _INK

    @classmethod
    def of(cls, heading: str, pictures: Iterable[Tensor]) -> Column:
        """A column of RGB pictures 3×H×W without captions; values are clamped to [0, 1]."""
        return cls(heading, [Tile(transform.to_pil_image(picture.clamp(0, 1))) for picture in pictures])


def contact_sheet(columns: Sequence[Column]) -> Image.Image:
    """The columns side by side; pictures keep their proportions.

    >>> black = Tile(Image.new("RGB", (32, 24)))
    >>> contact_sheet([Column("truth", [black]), Column("pixels-white", [black])]).size
    (496, 306)
    """
    rows = max(len(column.tiles) for column in columns)
    caption = _CAPTION if any(tile.caption for column in columns for tile in column.tiles) else 0
    size = (_GAP + len(columns) * (_TILE + _GAP), _HEAD + rows * (_TILE + caption + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for at, column in enumerate(columns):
        left = _GAP + at * (_TILE + _GAP)
        draw.text((left, _HEAD - 8), column.heading, fill=column.colour, font=ImageFont.load_default(17), anchor="ld")
        for row, tile in enumerate(column.tiles):
            _draw(sheet, draw, (left, _HEAD + row * (_TILE + caption + _GAP)), tile)
    return sheet


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, corner: tuple[int, int], tile: Tile) -> None:
    left, top = corner
    if tile.picture is None:
        draw.rectangle((left, top, left + _TILE, top + _TILE), fill=_EMPTY)
    else:
        scale = _TILE / max(tile.picture.size)
        size = (round(tile.picture.width * scale), round(tile.picture.height * scale))
        sheet.paste(tile.picture.resize(size, Image.Resampling.LANCZOS), corner)
    draw.text((left, top + _TILE + 7), tile.caption, fill=_FAINT, font=ImageFont.load_default(15))
