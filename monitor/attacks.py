"""How attacks are named and coloured wherever they are shown."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_COLOURS = {"pixels-white": "#e8901a", "pixels-black": "#3d9be0"}
_OTHERS = ("#2fae7d", "#a371f7", "#e0567a", "#c2a83e", "#12a5b8")


def in_order(names: Iterable[str]) -> list[str]:
    """Attack names by generator, white box before black box."""
    return sorted(
        set(names), key=lambda name: (_generator(name) != "pixels", _generator(name), name.endswith("-black"))
    )


def title(name: str, knowledge: str) -> str:
    """
    >>> title("pixels-white", "white box")
    'White box · pixels'
    """
    return f"{knowledge[:1].upper()}{knowledge[1:]} · {_generator(name)}" if knowledge else name


def colour(name: str) -> str:
    """A colour of the attack's own, legible on dark and light."""
    return _COLOURS.get(name, _OTHERS[zlib.crc32(name.encode()) % len(_OTHERS)])


def _generator(name: str) -> str:
    return name.removesuffix("-white").removesuffix("-black")
