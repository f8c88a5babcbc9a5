"""Contact sheets: what is fitted into one can be taken out of it again."""

from __future__ import annotations

import pytest
from PIL import Image

from keyhole.presentation.contact_sheet import TILE, Column, Tile, contact_sheet, tiles


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (60, 90)])
def test_the_pictures_of_a_sheet_come_out_as_they_were_fitted_in(size: tuple[int, int]) -> None:
    colours = [["#102030", "#445566"], ["#778899", "#aabbcc"]]
    columns = [Column("a", [Tile(Image.new("RGB", size, colour)) for colour in column]) for column in colours]
    found = tiles(contact_sheet(columns), 2)
    assert found is not None
    scale = TILE / max(size)
    for column, expected in zip(found, colours, strict=True):
        for picture, colour in zip(column, expected, strict=True):
            assert picture.size == (round(size[0] * scale), round(size[1] * scale))
            assert picture.getpixel((3, 3)) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))
            assert picture.getpixel((picture.width - 1, picture.height - 1)) == picture.getpixel((3, 3))


def test_another_picture_is_no_sheet() -> None:
    assert tiles(Image.new("RGB", (64, 48)), 2) is None
    one = contact_sheet([Column("a", [Tile(Image.new("RGB", (8, 8)))])])
    assert tiles(one, 2) is None


def test_a_smaller_sheet_has_smaller_tiles() -> None:
    column = Column("truth", [Tile(Image.new("RGB", (8, 8), "black"), "caption")])
    small, large = (contact_sheet([column, column], tile).size for tile in (112, 224))
    assert small[0] == large[0] // 2
    assert small[1] < large[1]
