"""The points at which a model can be cut."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from keyhole.partition.errors import CutError
from keyhole.partition.layout import carried
from keyhole.partition.liveness import crossing
from keyhole.partition.plan import LiveTensor
from keyhole.partition.surveying import Survey, survey

if TYPE_CHECKING:
    from keyhole.targets import Target


@dataclass(frozen=True)
class CutPoint:
    """A point of a model and what crosses there.

    Attributes:
        cut: canonical path.
        alias: the papers' name, empty where it has none.
        tensors: what crosses, for one picture.
    """

    cut: str
    alias: str
    tensors: tuple[LiveTensor, ...]


def points(model: nn.Module | Target, example: Tensor | None = None, *, every: bool = False) -> list[CutPoint]:
    """The points of a model in the order in which it runs, ``input`` first.

    Args:
        model: as for `split`.
        example: as for `split`.
        every: every operation after which the model can be cut; else the ends of blocks, where one tensor is live.

    Raises:
        CutError: the model cannot be traced.
    """
    surveyed = survey(model, example)
    return [point for _, point in indexed_points(surveyed, every=every)]


def indexed_points(surveyed: Survey, *, every: bool) -> list[tuple[int, CutPoint]]:
    """`points` of a model that is surveyed already, each with its index."""
    found: list[tuple[int, CutPoint]] = []
    for index, node in enumerate(surveyed.nodes):
        named = index == 0 or index in surveyed.blocks
        if not (named or (every and node in surveyed.pictorial and node.target is not operator.getitem)):
            continue
        try:
            tensors = carried(surveyed, crossing(surveyed, index))
        except CutError:
            continue
        if tensors and (every or len(tensors) == 1):
            found.append((index, CutPoint(surveyed.name(index), surveyed.aliases.get(index, ""), tensors)))
    return found
