"""Contact sheets: truths beside what attacks made of them, as one picture."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

TILE = 224
"""Side of a tile of a large sheet, pixels."""
_GAP, _HEAD = 16, 66  # of a large sheet; they shrink with its tiles
_CAPTION, _LETTERS, _SMALL = 30, 17, 15  # of any
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


def contact_sheet(columns: Sequence[Column], tile: int = TILE) -> Image.Image:
    """The columns side by side; pictures keep their proportions.

    Args:
        columns: one or more.
        tile: side of the square that a picture is fitted into, pixels.

    >>> black = Tile(Image.new("RGB", (32, 24)))
    >>> contact_sheet([Column("truth", [black]), Column("pixels-white", [black])]).size
    (496, 306)
    """
    rows = max(len(column.tiles) for column in columns)
    grid = _Grid(tile, captions=any(each.caption for column in columns for each in column.tiles))
    sheet = Image.new("RGB", grid.size(len(columns), rows), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for at, column in enumerate(columns):
        left, _ = grid.corner(at, 0)
        place = (left, grid.head - grid.gap // 2)
        draw.text(place, column.heading, column.colour, ImageFont.load_default(_LETTERS), anchor="ld")
        for row, each in enumerate(column.tiles):
            _draw(sheet, draw, grid, grid.corner(at, row), each)
    return sheet


def tiles(sheet: Image.Image, columns: int) -> list[list[Image.Image]] | None:
    """The pictures of a large sheet without captions, column by column, as `contact_sheet` fitted them into it.

    Args:
        sheet: RGB.
        columns: how many it has.

    Returns:
        None where it is no such sheet.
    """
    grid = _Grid(TILE, captions=False)
    rows = (sheet.height - grid.head) // (TILE + grid.gap)
    if rows < 1 or sheet.size != grid.size(columns, rows):
        return None
    corners = [[grid.corner(at, row) for row in range(rows)] for at in range(columns)]
    squares = [[sheet.crop((x, y, x + TILE, y + TILE)) for x, y in column] for column in corners]
    width, height = (max(ends) for ends in zip(*(_end(square) for column in squares for square in column), strict=True))
    return [[square.crop((0, 0, width, height)) for square in column] for column in squares]


@dataclass(frozen=True)
class _Grid:
    tile: int
    captions: bool

    @property
    def gap(self) -> int:
        return self._scaled(_GAP)

    @property
    def head(self) -> int:
        """Height of two lines of heading."""
        return max(self._scaled(_HEAD), round(3.7 * _LETTERS))

    @property
    def row(self) -> int:
        return self.tile + (_CAPTION if self.captions else 0) + self.gap

    def size(self, columns: int, rows: int) -> tuple[int, int]:
        return self.gap + columns * (self.tile + self.gap), self.head + rows * self.row

    def corner(self, column: int, row: int) -> tuple[int, int]:
        return self.gap + column * (self.tile + self.gap), self.head + row * self.row

    def _scaled(self, pixels: int) -> int:
        return round(pixels * self.tile / TILE)


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, grid: _Grid, corner: tuple[int, int], tile: Tile) -> None:
    left, top = corner
    if tile.picture is None:
        draw.rectangle((left, top, left + grid.tile, top + grid.tile), fill=_EMPTY)
    else:
        scale = grid.tile / max(tile.picture.size)
        size = (round(tile.picture.width * scale), round(tile.picture.height * scale))
        sheet.paste(tile.picture.resize(size, Image.Resampling.LANCZOS), corner)
    draw.text((left, top + grid.tile + 7), tile.caption, fill=_FAINT, font=ImageFont.load_default(_SMALL))


def _end(square: Image.Image) -> tuple[int, int]:
    """Width and height of what is not paper: the picture's, for nothing stands to its right or below it."""
    box = ImageChops.difference(square, Image.new("RGB", square.size, _PAPER)).getbbox()
    return (box[2], box[3]) if box else (1, 1)
