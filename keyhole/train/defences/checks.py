"""Checks of settings that methods share."""

from __future__ import annotations

import math

from keyhole.service.errors import UsageError


def check_range(name: str, value: float, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse a number that is not in a range.

    Raises:
        UsageError: it is below ``least``, above ``most``, or not finite.
    """
    if not (math.isfinite(value) and least <= value <= most):
        upper = "" if math.isinf(most) else f" and at most {most:g}"
        raise UsageError(f"{name}={value}: expected a finite number, {least:g} or more{upper}")
