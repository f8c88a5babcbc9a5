"""The designs that no other one beats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def front(points: Iterable[T], costs: Callable[[T], tuple[float, float]]) -> list[T]:
    """Points for which no other one is as low in both costs and lower in one, by rising first cost.

    Of equals all are kept.

    >>> front([(1, 5), (2, 2), (3, 3), (2, 2)], lambda point: point)
    [(1, 5), (2, 2), (2, 2)]
    """
    kept: list[T] = []
    for point in sorted(points, key=costs):
        if not kept or costs(point)[1] < costs(kept[-1])[1] or costs(point) == costs(kept[-1]):
            kept.append(point)
    return kept
