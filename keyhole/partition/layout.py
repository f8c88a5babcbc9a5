"""How a tensor of a model's inside is laid out on its way: the batch first, and its memory order restored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from keyhole.partition.errors import CutError
from keyhole.partition.liveness import Crossing
from keyhole.partition.measuring import PROBE, Seen
from keyhole.partition.plan import LiveTensor
from keyhole.partition.surveying import Survey


@dataclass(frozen=True)
class Layout:
    """Where the batch is in a tensor, and the order of its dimensions in memory.

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
        return self == Layout()


def layout_of(name: str, seen: Seen) -> Layout:
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
    return Layout(batch, seen.shape[batch] // PROBE, _order(seen))


def layouts_of(survey: Survey, crossing: Crossing) -> list[Layout]:
    """Layouts of the tensors that cross, in order.

    Raises:
        CutError: one of them does not hold one entry for each picture.
    """
    return [layout_of(name, seen) for name, seen in _live(survey, crossing)]


def carried(survey: Survey, crossing: Crossing) -> tuple[LiveTensor, ...]:
    """The tensors that cross, for one picture.

    Raises:
        CutError: one of them does not hold one entry for each picture.
    """
    return tuple(
        LiveTensor(name, carried_shape(seen, layout_of(name, seen)), seen.dtype)
        for name, seen in _live(survey, crossing)
    )


def _live(survey: Survey, crossing: Crossing) -> list[tuple[str, Seen]]:
    live = set(crossing.live)
    return [(survey.name(index), survey.values[index]) for index, node in enumerate(survey.nodes) if node in live]


def carried_shape(seen: Seen, layout: Layout) -> tuple[int, ...]:
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


def _order(seen: Seen) -> tuple[int, ...]:
    """Dimensions by falling stride; empty where that is their own order or the tensor has gaps."""
    dims = list(range(len(seen.shape)))
    order = sorted(dims, key=lambda dim: -seen.stride[dim])
    dense = all(
        seen.shape[dim] == 1 or seen.stride[dim] == math.prod(seen.shape[other] for other in order[place + 1 :])
        for place, dim in enumerate(order)
    )
    long = [dim for dim in order if seen.shape[dim] > 1]
    return tuple(order) if dense and long != sorted(long) else ()
