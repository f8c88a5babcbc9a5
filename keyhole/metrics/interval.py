"""95 % intervals of means and of shares."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

LEAST = 5
"""Fewest values behind an interval."""

Interval = tuple[float, float]
Units = Sequence[int] | None
"""For each value the number of its unit; values of a unit are not independent. None: each is a unit of its own."""
_DRAWN = 400_000
_FEWEST, _MOST = 2000, 20_000
_GROUPS = 500


@dataclass(frozen=True)
class Mean:
    """A mean with its interval.

    Attributes:
        mean: of the values.
        interval: see `mean_interval`.
    """

    mean: float
    interval: Interval | None

    @classmethod
    def of(cls, values: Sequence[float], units: Units = None) -> Mean:
        """Mean and interval of one or more values."""
        found = mean_interval(values) if units is None else unit_interval(values, units)
        return cls(statistics.fmean(values), found)

    def text(self, digits: int) -> str:
        """See `with_interval`."""
        return with_interval(self.mean, self.interval, digits)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the mean by the bootstrap, seeded: it lies where the values lie, and so in a metric's range.

    The percentiles are those of Hesterberg's expanded percentile interval (2015, "What teachers should know about the
    bootstrap"), without which few values would give intervals that are too narrow.

    Args:
        values: independent of each other. For a difference of two means over the same pictures, the differences. More
            than 500 are averaged in as many groups of neighbours first, so that likeness of neighbours counts less.

    Returns:
        None below `LEAST` values, and where one is not finite (the PSNR of a picture that is met exactly).

    >>> mean_interval([0.0, 0.0, 0.5, 1.0])
    """
    return _bootstrapped(tuple(values))


@lru_cache(maxsize=4096)
def _bootstrapped(values: tuple[float, ...]) -> Interval | None:
    """Tables and plots ask for the interval of the same values many times."""
    count = len(values)
    if count < LEAST or not all(map(math.isfinite, values)):
        return None
    given = np.asarray(values, dtype=np.float64)
    if count > _GROUPS:
        given = np.array([group.mean() for group in np.array_split(given, _GROUPS)])
        count = _GROUPS
    draws = min(max(_DRAWN // count, _FEWEST), _MOST)
    means = given[np.random.default_rng(0).integers(count, size=(draws, count))].mean(axis=1)
    tail = expanded_tail(count)
    low, high = np.quantile(means, (tail, 1 - tail)).tolist()
    return max(low, float(given.min())), min(high, float(given.max()))


def unit_interval(values: Sequence[float], units: Sequence[int]) -> Interval | None:
    """95 % interval of the mean of values that are independent from unit to unit alone, as frames are of several clips:
    the bootstrap of `mean_interval` over the units, each drawn with all of its values.

    Returns:
        None below `LEAST` units, and where a value is not finite.

    >>> unit_interval([0.1, 0.3] * 4, [0, 0, 1, 1, 2, 2, 3, 3])
    """
    if not all(map(math.isfinite, values)):
        return None
    sums, counts = by_unit(values, units), by_unit([1.0] * len(values), units)
    if len(counts) < LEAST:
        return None
    drawn = np.random.default_rng(0).integers(len(counts), size=(_FEWEST, len(counts)))
    tail = expanded_tail(len(counts))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (tail, 1 - tail)).tolist()
    return low, high


def by_unit(values: Sequence[float], units: Units) -> NDArray[np.float64]:
    """Sums of values over each unit, in the order of the units' numbers.

    >>> by_unit([1.0, 2.0, 4.0], [7, 7, 9]).tolist()
    [3.0, 4.0]
    """
    if units is None:
        return np.asarray(values, np.float64)
    _, places = np.unique(np.asarray(units), return_inverse=True)
    return np.bincount(places, weights=np.asarray(values, np.float64)).astype(np.float64)


def expanded_tail(count: int) -> float:
    """Share of bootstrap values below a 95 % interval of ``count`` (2 or more) values, see `mean_interval`.

    >>> expanded_tail(10) < 0.025, round(expanded_tail(10_000), 4)
    (True, 0.025)
    """
    return float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))


@lru_cache(maxsize=4096)
def share_interval(hits: int, count: int) -> Interval | None:
    """95 % interval of a share in [0, 1] by Wilson's score, which has a width at 0 and 1 too.

    Returns:
        None where fewer than `LEAST` were asked.

    >>> low, high = share_interval(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)
    """
    if count < LEAST:
        return None
    from scipy.stats import binomtest  # noqa: PLC0415 - slow to import, and most processes tell no shares

    found = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def answers_interval(right: Sequence[float], asked: Sequence[int]) -> Interval | None:
    """95 % interval of the share of questions about pictures that were answered right.

    Pictures are independent and the questions about one are not: a plate's glyphs are read well or badly together. It
    is `share_interval` where each picture is asked about once, and else that of a seeded bootstrap over pictures.

    Args:
        right: questions about each picture that were answered right; a mean where they were asked more than once.
        asked: questions about each; 0 where a picture takes no part.

    Returns:
        None where fewer than `LEAST` pictures take part.

    >>> answers_interval([1, 1, 0, 1, 1, 0], [1, 1, 0, 1, 1, 1]) == share_interval(4, 5)
    True
    """
    shown = np.flatnonzero(asked)
    if len(shown) < LEAST:
        return None
    hits, questions = np.asarray(right)[shown], np.asarray(asked)[shown]
    if questions.max() == 1:
        return share_interval(round(float(hits.sum())), len(shown))
    drawn = np.random.default_rng(0).integers(len(shown), size=(_FEWEST, len(shown)))
    tail = expanded_tail(len(shown))
    low, high = np.quantile(hits[drawn].sum(axis=1) / questions[drawn].sum(axis=1), (tail, 1 - tail)).tolist()
    return low, high


def arms(mean: float, interval: Interval | None) -> Interval:
    """From the mean down and up to the ends of its interval, as plots want it; NaN where there is none."""
    return (mean - interval[0], interval[1] - mean) if interval else (math.nan, math.nan)


def with_interval(mean: float, interval: Interval | None, digits: int) -> str:
    """A mean with its interval in brackets, as text.

    >>> with_interval(0.25, (0.2, 0.3012), 2), with_interval(0.25, None, 2)
    ('0.25 [0.20, 0.30]', '0.25')
    """
    if interval is None:
        return f"{mean:.{digits}f}"
    low, high = interval
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
