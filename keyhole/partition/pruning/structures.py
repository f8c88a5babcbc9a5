"""Structures that can be removed from a model, and the points where masks have the effect of their removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["channels", "heads", "hidden units", "mapping", "connection"]


@dataclass(frozen=True)
class MaskPoint:
    """A point of a network where a mask scales numbers.

    Attributes:
        path: dotted path of a module with weights.
        side: ``output``: dimension 1 of what it yields; ``input``: the last dimension of what it takes.
        repeat: neighbouring numbers that share an entry of the mask.
    """

    path: str
    side: Literal["output", "input"]
    repeat: int = 1

    def scale(self, tensor: Tensor, mask: Tensor) -> Tensor:
        """``tensor``, which the module yields or takes, times the mask's entries."""
        entries = mask.repeat_interleave(self.repeat)
        return tensor * (entries if self.side == "input" else entries.view(-1, *[1] * (tensor.dim() - 2)))


@dataclass(frozen=True)
class Structures:
    """Structures of one kind at one place of a model, which are removed one by one.

    Attributes:
        kind: what they are.
        path: module that they are named by.
        count: how many there are.
        points: where an entry 0 of a mask has the effect of the structure's removal.
    """

    kind: Kind
    path: str
    count: int
    points: tuple[MaskPoint, ...]

    @property
    def width(self) -> int:
        """How many numbers share an entry: 1 for channels, all its channels for a mapping."""
        return max(point.repeat for point in self.points)


@torch.no_grad()
def fold(modules: Mapping[str, nn.Module], structures: Structures, mask: Tensor) -> None:
    """Multiply the weights at the points by the mask, so that the network answers as the masked one does.

    Args:
        modules: the network's, by path; those at the points are changed.
        structures: of the network.
        mask: one entry for each structure.
    """
    for point in structures.points:
        module = modules[point.path]
        entries = mask.detach().repeat_interleave(point.repeat)
        for name, tensor in weights_at(module, point).items():
            shape = (-1, *[1] * (tensor.dim() - 1)) if point.side == "output" else (1, -1)
            tensor.mul_(entries.to(tensor).view(shape if name == "weight" else (-1,)))


def weights_at(module: nn.Module, point: MaskPoint) -> Mapping[str, Tensor]:
    """The tensors through which `fold` scales, by name."""
    names: Sequence[str] = ("weight", "bias") if point.side == "output" else ("weight",)
    found = {name: getattr(module, name, None) for name in names}
    return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
