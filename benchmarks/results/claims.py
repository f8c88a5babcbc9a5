"""Claims of a paper about leaks of pictures, each with its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results.designs import Box
from benchmarks.results.scores import NOT_YET, Leak
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.metrics.verdicts import verdict

Leaks = Mapping[Box, Leak | None]


@dataclass(frozen=True)
class Claim:
    """One design leaks less than another.

    Attributes:
        text: the claim.
        leaks: of the design that leaks less, by box.
        others: of the other.
    """

    text: str
    leaks: Leaks
    others: Leaks

    def line(self) -> str:
        """The claim and the verdict of each box that both were attacked by, as a point of a list."""
        both = {box: (leak, other) for box, leak in self.leaks.items() if leak and (other := self.others.get(box))}
        found = {box: less_on_same(*leaks) for box, leaks in both.items()}
        told = (f"{verdict(less)} by the {box} box ({bounds(less)})" for box, less in found.items())
        return f"- *{self.text}*: {'; '.join(told) or NOT_YET}."


def less_on_same(leak: Leak, other: Leak) -> Mean:
    """What a leak has less than another on the pictures that both have, the first ones."""
    count = min(len(each.pictures(HEADLINE)) for each in (leak, other))
    return leak.first(count).less(other.first(count), HEADLINE)


def white_less_than_black(text: str, leaks: Leaks) -> str:
    """The claim that a white box gets less than a black box of the same design, as a point of a list."""
    white, black = leaks["white"], leaks["black"]
    if not (white and black):
        return f"- *{text}*: {NOT_YET}."
    less = less_on_same(white, black)
    return f"- *{text}*: {verdict(less)} ({bounds(less)})."


def told_more(leak: Leak | None, base: Leak | None) -> str:
    """What a leak has more than another of the same pictures, as a cell of a table; empty where one is missing."""
    if leak is None or base is None:
        return ""
    more = less_on_same(base, leak)
    return f"{verdict(more)}: {bounds(more)}"


def claims(found: Sequence[Claim]) -> str:
    """A list of claims in Markdown."""
    return "\n".join(claim.line() for claim in found)


def bounds(less: Mean) -> str:
    """A difference of SSIM with its interval.

    >>> bounds(Mean(0.02, (-0.01, 0.05))), bounds(Mean(0.02, None))
    ('SSIM +0.020 [-0.010, +0.050]', 'SSIM +0.020, too few pictures for an interval')
    """
    if less.interval is None:
        return f"SSIM {less.mean:+.3f}, too few pictures for an interval"
    low, high = less.interval
    return f"SSIM {less.mean:+.3f} [{low:+.3f}, {high:+.3f}]"
