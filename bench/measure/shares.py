"""A share with its interval."""

from __future__ import annotations

from keyhole.metrics.interval import reach_95


def percent(hits: int, count: int) -> tuple[float, float]:
    """A share of ``count`` in percent, and how far its 95 % interval reaches in points.

    The interval is Student's of hits as ones and misses as zeros; at 0 and 100 % it has no width, which is too little.

    """
    return 100 * hits / count, 100 * reach_95([1.0] * hits + [0.0] * (count - hits))
