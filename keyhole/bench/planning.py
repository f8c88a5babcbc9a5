"""From axes to cells: each is planned once, whatever shares it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from keyhole.bench.axes import Axes, lossless
from keyhole.bench.cells import KINDS, AccuracyCell, Cell, LatencyCell, LeakCell, ProfileCell
from keyhole.bench.records import Design
from keyhole.bench.settings import CellKind


def plan(axes: Axes, only: Collection[CellKind] = KINDS) -> tuple[Cell, ...]:
    """The cells of a run, in the order in which they are measured.

    A leak and an accuracy depend on neither link nor zstd, a latency on no attack and no seed, a profile on none of
    them. What the whole model does on the edge is measured once, for all links. The first seed of every attack comes
    before the second, so that a run that is stopped has seen all designs.
    """
    return tuple(cell for kind in KINDS if kind in only for cell in _PLANS[kind](axes))


def _profiles(axes: Axes) -> tuple[Cell, ...]:
    return tuple(ProfileCell(design) for design in (*axes.designs(), *axes.remote()))


def _accuracies(axes: Axes) -> tuple[Cell, ...]:
    return tuple(map(AccuracyCell, (*axes.whole(), *_lossless((*axes.remote(), *axes.designs())))))


def _latencies(axes: Axes) -> tuple[Cell, ...]:
    alone = tuple(LatencyCell(design, "") for design in axes.whole())
    carried = (LatencyCell(design, link) for design in (*axes.remote(), *axes.designs()) for link in axes.links)
    return (*alone, *carried)


def _leaks(axes: Axes) -> tuple[Cell, ...]:
    designs = _lossless(axes.designs())
    return tuple(LeakCell(design, attack, seed) for seed in axes.seeds for attack in axes.attacks for design in designs)


_PLANS = {"profile": _profiles, "accuracy": _accuracies, "latency": _latencies, "leak": _leaks}


def _lossless(designs: tuple[Design, ...]) -> tuple[Design, ...]:
    return tuple(dict.fromkeys(replace(design, codec=lossless(design.codec)) for design in designs))
