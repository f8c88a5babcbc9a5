"""Sizes of pictures: one side of a square, or height and width."""

from __future__ import annotations

from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from keyhole.service.errors import UsageError

Size = int | tuple[int, int]
"""Pixels: the side of a square picture, or height and width of one that is not square."""


SMALLEST = 11
"""Pixels a side of the smallest pictures that can be compared, by SSIM with its usual window."""


def height_width(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


def size_of(height: int, width: int) -> Size:
    """The size of a height and a width: one number where they are the same."""
    return height if height == width else (height, width)


def side_of(size: Size, what: str) -> int:
    """The side of a square.

    Args:
        size: of the pictures.
        what: takes square pictures alone, for the message.

    Raises:
        UsageError: the size is no square's.
    """
    if not isinstance(size, int):
        raise UsageError(f"{what} takes square pictures, got {size_text(size)}: give one side (--size {min(size)})")
    return size


def check_comparable(size: Size, metric: str = "SSIM", smallest: int = SMALLEST) -> None:
    """Refuse pictures whose reconstructions a metric could not compare with them.

    Args:
        size: of the pictures.
        metric: its title, for the message.
        smallest: pixels that it needs on each side.

    Raises:
        UsageError: a side is too short.
    """
    if min(height_width(size)) < smallest:
        raise UsageError(
            f"pictures of {size_text(size)} pixels cannot be scored: {metric} compares {smallest} pixels a side or "
            f"more (--size {smallest})"
        )


def scaled(size: Size, side: int) -> Size:
    """Another size of the same proportions, to a pixel.

    Args:
        size: whose proportions are kept.
        side: the shorter side of the result.
    """
    height, width = height_width(size)
    shorter = min(height, width)
    return size_of(round(side * height / shorter), round(side * width / shorter))


def size_text(size: Size) -> str:
    """A size as `read_size` reads it: ``128`` or ``256x128``."""
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def read_size(text: str) -> Size:
    """The size that ``128`` or ``256x128`` (height, then width) spells.

    Raises:
        ValueError: it spells none.
    """
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise ValueError(f"{text!r}: expected a side in pixels (128), or height and width (256x128)")
    return size_of(int(sides[0]), int(sides[-1]))


def _read(words: list[str]) -> Size | None:
    return None if words == ["None"] else read_size(words[0])


_FLAG: PrimitiveConstructorSpec[Size | None] = PrimitiveConstructorSpec(
    nargs=1,
    metavar="PIXELS|HEIGHTxWIDTH",
    instance_from_str=_read,
    is_instance=lambda value: value is None or isinstance(value, int | tuple),
    str_from_instance=lambda value: ["None" if value is None else size_text(value)],
)
SizeFlag = Annotated[Size, _FLAG]
"""The type of a flag."""
OptionalSizeFlag = Annotated[Size | None, _FLAG]
"""The type of a flag that may be absent."""
