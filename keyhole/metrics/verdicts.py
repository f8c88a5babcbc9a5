"""What measurements say of a claim, in four words that mean the same on every page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from keyhole.metrics.interval import Mean

Verdict = Literal["seen", "the reverse is seen", "not seen", "undecided"]


def verdict(above: Mean, *, sized: bool = False) -> Verdict:
    """What a 95 % interval says of the claim that an effect is above 0, or above a size.

    ``seen``: the whole interval is above the claimed; ``not seen``: none of it is; ``the reverse is seen``: the whole
    interval is on the other side of no effect; ``undecided``: it reaches over the claimed, or there is none.

    Args:
        above: what the effect is above the claimed.
        sized: a size is claimed. An effect below it is none of the other sign, so that no reverse is told.

    >>> [verdict(Mean(0.1, ends)) for ends in ((0.05, 0.2), (-0.1, 0.3), (-0.3, -0.1), (0.0, 0.0), None)]
    ['seen', 'undecided', 'the reverse is seen', 'not seen', 'undecided']
    >>> verdict(Mean(-0.2, (-0.3, -0.1)), sized=True)
    'not seen'
    """
    if above.interval is None:
        return "undecided"
    low, high = above.interval
    if low > 0:
        return "seen"
    if high > 0:
        return "undecided"
    return "not seen" if sized or high == 0 else "the reverse is seen"


def whole_verdict(parts: Sequence[Verdict]) -> Verdict:
    """Of a claim of one or more parts: ``seen`` where all are, ``not seen`` where one is not or its reverse is, the
    reverse where that of all is.

    >>> whole_verdict(["seen", "undecided"]), whole_verdict(["seen", "the reverse is seen"])
    ('undecided', 'not seen')
    """
    said = set(parts)
    if len(said) == 1:
        return parts[0]
    return "undecided" if said == {"seen", "undecided"} else "not seen"
