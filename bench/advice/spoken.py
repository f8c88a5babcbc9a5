"""Figures in words."""

from __future__ import annotations

import math


def plus_minus(mean: float, reach: float, digits: int) -> str:
    """
    >>> plus_minus(0.25, 0.0412, 3), plus_minus(0.25, math.nan, 3)
    ('0.250 ± 0.041', '0.250')
    """
    return f"{mean:.{digits}f}" + ("" if math.isnan(reach) else f" ± {reach:.{digits}f}")


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
