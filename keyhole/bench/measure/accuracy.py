"""How well a design still answers, by the target's own figure: top-1 of classes, rank-1 of identities."""

from __future__ import annotations

from keyhole.bench.axes import AccuracyCell
from keyhole.bench.measure.classes import top_1
from keyhole.bench.measure.crossing import network
from keyhole.bench.measure.identities import rank_1
from keyhole.bench.opening import opened
from keyhole.bench.records import Measured
from keyhole.bench.setup import Setup


def accuracy(cell: AccuracyCell, setup: Setup) -> Measured:
    """Run labelled pictures through head, defence, codec and tail.

    Raises:
        UsageError: no labelled pictures for this target, or they have other classes.
    """
    known = opened(setup.model(cell.design.target))
    measure = rank_1 if known.embeds else top_1
    return Measured(measure(cell.design, network(known, cell.design), known.target, setup))
