"""What a cut costs: bytes on the wire, parameters and work on the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from torch import Tensor, fx, nn

from keyhole.partition.boundaries import CutPoint, indexed_points
from keyhole.partition.plan import LiveTensor
from keyhole.partition.surveying import Survey, survey
from keyhole.wire.codec_registry import CODECS, codec_named

if TYPE_CHECKING:
    from keyhole.targets import Target

PRICED = ("fp32", "fp16", "bf16", "int8")
"""Codecs whose payload follows from the shape alone."""


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
    """`points` with their costs. Arguments and errors are those of `points`."""
    return profile_surveyed(survey(model, example), every=every)


def profile_surveyed(surveyed: Survey, *, every: bool = False) -> list[CutProfile]:
    """`profile` of a model that is surveyed already."""
    macs = list(accumulate(surveyed.macs))
    held = list(accumulate((_tensors(surveyed, node) for node in surveyed.nodes), lambda left, right: left | right))
    return [
        CutProfile(
            point=point,
            payload={codec: payload_bytes(point.tensors, codec) for codec in PRICED},
            head_parameters=sum(tensor.numel() for tensor in held[index] if isinstance(tensor, nn.Parameter)),
            head_bytes=sum(tensor.nbytes for tensor in held[index]),
            head_macs=macs[index],
        )
        for index, point in indexed_points(surveyed, every=every)
    ]


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
