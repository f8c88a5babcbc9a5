"""Points at which a model can be cut, and what each costs."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from torch import Tensor, fx, nn

from keyhole.partition.errors import CutError
from keyhole.partition.liveness import carried, liveness_at
from keyhole.partition.model_survey import Survey, survey
from keyhole.partition.plan import OUTPUT, LiveTensor
from keyhole.wire.codec_registry import CODECS, codec_named

if TYPE_CHECKING:
    from keyhole.targets import Target

PRICED = ("fp32", "fp16", "bf16", "int8")
"""Codecs whose payload follows from the shape alone."""


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

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    >>> [point.cut for point in points(net, torch.rand(1, 3, 8, 8))]
    ['input', '0', '1', '2', '3']
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
            tensors = carried(surveyed, liveness_at(surveyed, index))
        except CutError:
            continue
        if tensors and (every or len(tensors) == 1):
            found.append((index, CutPoint(surveyed.name(index), surveyed.aliases.get(index, ""), tensors)))
    return found


@dataclass(frozen=True)
class CutProfile:
    """A point of a model and its costs for one picture.

    Attributes:
        point: the point and what crosses there.
        payload: bytes of payload by codec.
        head_parameters: parameters that the edge holds.
        head_bytes: bytes of these and of the buffers (a batch norm's statistics).
        head_macs: multiply-accumulates of convolutions, matrix products and attention on the edge.
    """

    point: CutPoint
    payload: Mapping[str, int]
    head_parameters: int
    head_bytes: int
    head_macs: int


def profile(model: nn.Module | Target, example: Tensor | None = None, *, every: bool = False) -> list[CutProfile]:
    """`points` with their costs. Arguments and errors are those of `points`.

    >>> import torch
    >>> rows = profile(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), torch.rand(1, 3, 8, 8))
    >>> [(row.point.cut, row.payload["fp32"], row.head_parameters, row.head_macs) for row in rows]
    [('input', 768, 0, 0), ('0', 2048, 224, 13824)]
    """
    return profile_surveyed(survey(model, example), every=every)


def profile_surveyed(surveyed: Survey, *, every: bool = False) -> list[CutProfile]:
    """`profile` of a model that is surveyed already."""
    macs = list(accumulate(surveyed.macs))
    held = list(accumulate((_tensors(surveyed, node) for node in surveyed.nodes), lambda left, right: left | right))
    return [_costs(point, held[index], macs[index]) for index, point in indexed_points(surveyed, every=every)]


def whole(surveyed: Survey) -> CutProfile:
    """The whole model as a head, of whose features nothing crosses.

    >>> import torch
    >>> found = whole(survey(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()), torch.rand(1, 3, 8, 8)))
    >>> found.point.cut, found.payload["fp32"], found.head_parameters, found.head_macs
    ('output', 0, 224, 13824)
    """
    held = frozenset[Tensor]().union(*(_tensors(surveyed, node) for node in surveyed.nodes))
    return _costs(CutPoint(OUTPUT, "", ()), held, sum(surveyed.macs))


def _costs(point: CutPoint, held: frozenset[Tensor], macs: int) -> CutProfile:
    return CutProfile(
        point=point,
        payload={codec: payload_bytes(point.tensors, codec) for codec in PRICED},
        head_parameters=sum(tensor.numel() for tensor in held if isinstance(tensor, nn.Parameter)),
        head_bytes=sum(tensor.nbytes for tensor in held),
        head_macs=macs,
    )


def payload_bytes(tensors: tuple[LiveTensor, ...], codec: str) -> int:
    """Bytes of payload of one picture's features, before zstd.

    Raises:
        UsageError: no codec has that name.
    """
    return sum(CODECS[codec_named(codec)].size(tensor.shape) for tensor in tensors)


def _tensors(surveyed: Survey, node: fx.Node) -> frozenset[Tensor]:
    """Parameters and buffers that an operation uses."""
    if node.op == "call_module":
        module = surveyed.model.get_submodule(str(node.target))
        return frozenset([*module.parameters(), *module.buffers()])
    owned = (source for source in node.all_input_nodes if source.op == "get_attr")
    named = (surveyed.held(str(source.target)) for source in owned)
    return frozenset(tensor for tensor in named if isinstance(tensor, Tensor))
