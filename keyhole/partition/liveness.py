"""Liveness at a cut: the tensors that must cross it, and the layout in which each crosses."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, fx

from keyhole.partition.errors import CutError
from keyhole.partition.model_survey import Survey, is_number
from keyhole.partition.plan import LiveTensor
from keyhole.partition.shape_propagation import PROBE, SeenTensor


@dataclass(frozen=True)
class Liveness:
    """Nodes of a graph at a cut.

    Attributes:
        head: the nodes that run before the cut, in order.
        tail: the nodes that run after it, in order.
        live: the head's tensors that the tail needs, in order.
        numbers: the tail's nodes that need only the shape of a head's tensor; the batch size stands in for it, so that
            the tensor need not cross.
    """

    head: tuple[fx.Node, ...]
    tail: tuple[fx.Node, ...]
    live: tuple[fx.Node, ...]
    numbers: frozenset[fx.Node]


def liveness_at(survey: Survey, index: int) -> Liveness:
    """Liveness after node ``index``.

    Raises:
        CutError: a value that is alive is neither a tensor nor an item of a structure of tensors.
    """
    head = set(survey.nodes[: index + 1])
    head.update(node for node in survey.nodes[index + 1 :] if _picks(survey, node, head))
    tail = [node for node in survey.nodes if node not in head]
    carriers = head & survey.pictorial
    numbers = {node for node in tail if is_number(survey.value(node))}
    readers = [node for node in survey.graph.nodes if node not in head and node not in numbers]
    live = {source for node in readers for source in node.all_input_nodes if source in carriers}
    for node in live:
        if not isinstance(survey.value(node), SeenTensor):
            name, kind = survey.name(survey.order[node]), type(survey.value(node)).__name__
            raise CutError(f"{name} yields a {kind} that is used whole: cut before or after that use")
    return Liveness(
        tuple(node for node in survey.nodes if node in head),
        tuple(tail),
        tuple(sorted(live, key=survey.order.__getitem__)),
        frozenset(node for node in numbers if not (carriers - live).isdisjoint(node.all_input_nodes)),
    )


def _picks(survey: Survey, node: fx.Node, head: set[fx.Node]) -> bool:
    """Whether a node takes one item of a structure that the head made."""
    if node.target not in (operator.getitem, getattr):
        return False
    source = node.args[0]
    return isinstance(source, fx.Node) and source in head and not isinstance(survey.value(source), SeenTensor)


@dataclass(frozen=True)
class TensorLayout:
    """Batch dimension of a tensor, and the order of its dimensions in memory.

    Attributes:
        batch: the dimension that grows with the batch.
        share: its length for one picture (windows of a picture, for instance).
        order: dimensions from slowest to fastest in memory; empty where that is their own order.
    """

    batch: int = 0
    share: int = 1
    order: tuple[int, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the tensor crosses as it is."""
        return self == TensorLayout()


def layout_of(name: str, seen: SeenTensor) -> TensorLayout:
    """The layout of a tensor.

    Raises:
        CutError: the tensor does not hold one entry for each picture.
    """
    growing = [dim for dim, length in enumerate(seen.shape) if length and length % PROBE == 0]
    if len(growing) != 1:
        raise CutError(
            f"{name} has {len(growing)} dimensions that grow with the batch, a tensor that crosses needs exactly one: "
            "cut before or after it"
        )
    (batch,) = growing
    return TensorLayout(batch, seen.shape[batch] // PROBE, _order(seen))


def layouts_of(survey: Survey, crossing: Liveness) -> list[TensorLayout]:
    """Layouts of the tensors that cross, in order.

    Raises:
        CutError: one of them does not hold one entry for each picture.
    """
    return [layout_of(name, seen) for name, seen in _live(survey, crossing)]


def carried(survey: Survey, crossing: Liveness) -> tuple[LiveTensor, ...]:
    """The tensors that cross, for one picture.

    Raises:
        CutError: one of them does not hold one entry for each picture.
    """
    return tuple(
        LiveTensor(name, carried_shape(seen, layout_of(name, seen)), seen.dtype)
        for name, seen in _live(survey, crossing)
    )


def _live(survey: Survey, crossing: Liveness) -> list[tuple[str, SeenTensor]]:
    live = set(crossing.live)
    return [(survey.name(index), survey.values[index]) for index, node in enumerate(survey.nodes) if node in live]


def carried_shape(seen: SeenTensor, layout: TensorLayout) -> tuple[int, ...]:
    """Shape for one picture of the tensor that `pack` makes."""
    rest = [length for dim, length in enumerate(seen.shape) if dim != layout.batch]
    return (1, layout.share, *rest) if layout.share > 1 else (1, *rest)


def pack(tensor: Tensor, batch: int, share: int) -> Tensor:
    """Bring the batch to the front, as a dimension of its own."""
    front = tensor.movedim(batch, 0)
    return front.reshape(-1, share, *front.shape[1:]) if share > 1 else front


def unpack(tensor: Tensor, batch: int, share: int, order: Sequence[int]) -> Tensor:
    """Inverse of `pack`, in the memory order that the tensor had in the whole model.

    Kernels may add up in another order when the memory order differs, so that the last bit would.
    """
    flat = tensor.flatten(0, 1) if share > 1 else tensor
    whole = flat.movedim(0, batch)
    if not order:
        return whole.contiguous()
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return whole.permute(*order).contiguous().permute(*inverse)


def _order(seen: SeenTensor) -> tuple[int, ...]:
    """Dimensions by falling stride; empty where that is their own order or the tensor has gaps."""
    dims = list(range(len(seen.shape)))
    order = sorted(dims, key=lambda dim: -seen.stride[dim])
    dense = all(
        seen.shape[dim] == 1 or seen.stride[dim] == math.prod(seen.shape[other] for other in order[place + 1 :])
        for place, dim in enumerate(order)
    )
    long = [dim for dim in order if seen.shape[dim] > 1]
    return tuple(order) if dense and long != sorted(long) else ()
