"""Sizes of pictures."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyhole.service.errors import UsageError
from keyhole.sizes import Size, height_width, read_size, scaled, side_of, size_of, size_text


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_what_is_spelled_is_read(height: int, width: int) -> None:
    size = size_of(height, width)
    assert height_width(size) == (height, width)
    assert read_size(size_text(size)) == size
    assert read_size(f"{height}×{width}") == size
    assert isinstance(size, int) is (height == width)


@given(st.text(max_size=8))
def test_other_text_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert min(height_width(read_size(text))) > 0


@pytest.mark.parametrize("text", ["", "0", "-1", "128x", "x128", "1x2x3", "a", "12.5", "128 x 64", "²"])
def test_these_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="expected a side in pixels"):
        read_size(text)


def test_what_needs_a_square_says_so() -> None:
    assert side_of(64, "this") == 64
    with pytest.raises(UsageError, match=r"this takes square pictures, got 256x128: give one side \(--size 128\)"):
        side_of((256, 128), "this")


@pytest.mark.parametrize(
    ("size", "side", "result"),
    [(128, 64, 64), ((256, 128), 64, (128, 64)), ((128, 256), 96, (96, 192)), ((30, 20), 5, (8, 5))],
)
def test_other_sizes_of_the_same_proportions(size: Size, side: int, result: Size) -> None:
    assert scaled(size, side) == result
