"""Ranking of designs that satisfy everything: the fastest, and of those as fast the one that leaks least."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.metrics.interval import Interval, mean_interval


@dataclass(frozen=True)
class Choice:
    """The best of some designs.

    Attributes:
        option: the best.
        tied: others of which no one can tell by what was timed whether they are slower or faster, by rising median;
            without those that another one beats in everything.
    """

    option: Option
    tied: tuple[Option, ...]


def best(options: Iterable[Option], link: str) -> Choice | None:
    """The best design, whatever the order in which they come.

    1. No design counts that another one equals or beats in latency, leak, accuracy and simplicity.
    2. Those whose latency overlaps with that of the fastest are tied with it.
    3. Of these, those whose leak cannot be told from the least one stay.
    4. Of these, those whose accuracy cannot be told from the best one stay.
    5. Of these, the simplest, then the most accurate, then the fastest.

    Args:
        options: timed over the link.
        link: over which latency counts.

    Returns:
        None where there is no option.
    """
    front = _undominated(tuple(options), link)
    if not front:
        return None
    fastest = min(front, key=lambda option: (_costs(option, link), option.design))
    tied = [option for option in front if same_latency(option, fastest, link)]
    tightest = min(tied, key=lambda option: (option.leak_order, _costs(option, link), option.design))
    level = [option for option in tied if same_leak(option, tightest)]
    finest = min(level, key=lambda option: (_loss(option), option.design))
    even = [option for option in level if same_accuracy(option, finest)]
    chosen = min(even, key=lambda option: (simplicity(option), _loss(option), _costs(option, link), option.design))
    others = sorted(
        (option for option in tied if option is not chosen), key=lambda each: (_costs(each, link), each.design)
    )
    return Choice(chosen, tuple(others))


def same_latency(one: Option, other: Option, link: str) -> bool:
    """Whether the intervals of two medians overlap; a median without interval is only the same as itself."""
    return _overlap(_timed(one, link), _timed(other, link))


def same_leak(one: Option, other: Option) -> bool:
    """Whether what leaks from two designs of a target cannot be told apart.

    Where both strongest attacks saw the same pictures, by the interval of the paired differences; else by whether
    intervals overlap. Where there are too few pictures for an interval, the means decide.
    """
    if one.leak_order == other.leak_order:
        return True
    first, second = (option.exposure.get("ssim") for option in (one, other))
    if first is None or second is None or not (one.splits and other.splits):
        return False
    differences = [a - b for a, b in zip(first.values, second.values, strict=False)]
    if differences:
        apart = mean_interval(differences)
        return apart is not None and apart[0] <= 0 <= apart[1]
    return _overlap(first.interval or (first.mean, first.mean), second.interval or (second.mean, second.mean))


def same_accuracy(one: Option, other: Option) -> bool:
    """Whether the intervals of two accuracies overlap; one without interval is only the same as itself."""
    if _loss(one) == _loss(other):
        return True
    first, second = (option.accuracy and option.accuracy.interval for option in (one, other))
    return bool(first and second and _overlap(first, second))


def simplicity(option: Option) -> int:
    """How much there is to build, the fewer the simpler: a split, a defence."""
    return option.splits + (option.design.defence != UNDEFENDED)


def _undominated(options: Sequence[Option], link: str) -> list[Option]:
    costs = [_costs(option, link) for option in options]

    def beaten(mine: tuple[float, ...]) -> bool:
        return any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in costs)

    return [option for option, mine in zip(options, costs, strict=True) if not beaten(mine)]


def _costs(option: Option, link: str) -> tuple[float, float, float, int]:
    """Latency, leak, accuracy lost and simplicity; what is not known is the worst."""
    p50 = option.p50(link)
    return math.inf if p50 is None else p50, option.leak_order, _loss(option), simplicity(option)


def _loss(option: Option) -> float:
    return math.inf if option.loss is None else option.loss


def _timed(option: Option, link: str) -> Interval:
    p50 = option.p50(link)
    if p50 is None:
        raise ValueError(f"{option.design} was not timed over {link}")
    return option.p50_interval(link) or (p50, p50)


def _overlap(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
