"""Figures in words."""

from __future__ import annotations


def points(number: float, digits: int | None = None) -> str:
    """
    >>> points(1), points(0.5), points(2.504, 2)
    ('1 point', '0.5 points', '2.50 points')
    """
    shown = f"{number:g}" if digits is None else f"{number:.{digits}f}"
    return f"{shown} point{'' if number == 1 else 's'}"


def milliseconds(number: float) -> str:
    """
    >>> milliseconds(37.6), milliseconds(3.76)
    ('38 ms', '3.8 ms')
    """
    return f"{number:.0f} ms" if number >= 10 else f"{number:.1f} ms"


def multiplications(number: float) -> str:
    """
    >>> multiplications(512_340_000), multiplications(2e3)
    ('512 M multiply-accumulates', '0.002 M multiply-accumulates')
    """
    return f"{number / 1e6:.3g} M multiply-accumulates"
