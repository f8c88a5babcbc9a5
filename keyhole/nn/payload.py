"""Payloads as the input of networks: live tensors of any shapes as one stack of standardised maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.nn.device import MemoryLayout

Shape = tuple[int, ...]
SQUARE = (1, 1)


@dataclass(frozen=True)
class MapLayout:
    """Layout of live tensors as one stack of maps, from their shapes alone.

    A tensor N×C×H×W is a stack already. N×H×W×C is permuted where H:W is the picture's ratio. Of tokens N×T×C the last
    ones form the largest grid of that ratio (g×g with g = ⌊√T⌋ for a square); the mean of those before them (class
    tokens) is repeated over the grid. Anything else is flattened to maps of 1×1. Coarser maps are enlarged to the
    finest resolution.

    Attributes:
        shapes: of the live tensors for one picture, without the batch.
        picture: height and width of the picture, in any unit.

    >>> layout = MapLayout(((64, 28, 28), (197, 192)))
    >>> layout.channels, layout.grid
    (448, (28, 28))
    """

    shapes: tuple[Shape, ...]
    picture: tuple[int, int] = SQUARE

    def __post_init__(self) -> None:
        if not self.shapes or any(math.prod(shape) == 0 for shape in self.shapes):
            raise ValueError(f"payload of shapes {self.shapes}: expected at least one tensor, and none empty")

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the maps."""
        sides = [_map_shape(shape, self.picture)[1:] for shape in self.shapes]
        return max(height for height, _ in sides), max(width for _, width in sides)

    @property
    def channels(self) -> int:
        """Maps in the stack."""
        return sum(_map_shape(shape, self.picture)[0] for shape in self.shapes)

    def __call__(self, tensors: Sequence[Tensor]) -> Tensor:
        """The tensors, N×… each, as N×channels×height×width.

        Raises:
            ValueError: their shapes are not the layout's.
        """
        got = tuple(tuple(tensor.shape[1:]) for tensor in tensors)
        if got != self.shapes:
            raise ValueError(f"expected tensors of shapes {self.shapes} after the batch, got {got}")
        maps = [_as_map(tensor, self.picture) for tensor in tensors]
        grid = self.grid
        return torch.cat([m if m.shape[2:] == grid else F.interpolate(m, grid, mode="nearest") for m in maps], 1)


def channel_axis(shape: Shape) -> int:
    """Which of a live tensor's dimensions, without the batch, counts its channels: as in `MapLayout`.

    >>> channel_axis((64, 8, 8)), channel_axis((8, 8, 64)), channel_axis((197, 192)), channel_axis((512,))
    (0, 2, 1, 0)
    """
    return len(shape) - 1 if len(shape) == 2 or (len(shape) == 3 and _channels_last(shape, SQUARE)) else 0


def _map_shape(shape: Shape, picture: tuple[int, int]) -> tuple[int, int, int]:
    if len(shape) == 3:
        a, b, c = shape
        return (c, a, b) if _channels_last(shape, picture) else (a, b, c)
    if len(shape) == 2:
        tokens, channels = shape
        height, width = _token_grid(tokens, picture)
        return (channels if height * width == tokens else 2 * channels), height, width
    return math.prod(shape), 1, 1


def _token_grid(tokens: int, picture: tuple[int, int]) -> tuple[int, int]:
    height, width = picture
    across = min(tokens, max(1, math.isqrt(tokens * width // height)))
    return (across if height == width else tokens // across), across


def _as_map(tensor: Tensor, picture: tuple[int, int]) -> Tensor:
    shape = tuple(tensor.shape[1:])
    channels, height, width = _map_shape(shape, picture)
    if len(shape) == 3:
        return tensor.permute(0, 3, 1, 2) if _channels_last(shape, picture) else tensor
    if len(shape) == 2:
        extra = shape[0] - height * width
        grid = tensor[:, extra:].transpose(1, 2).reshape(-1, shape[1], height, width)
        if not extra:
            return grid
        summary = tensor[:, :extra].mean(1)[:, :, None, None].expand_as(grid)
        return torch.cat([grid, summary], 1)
    return tensor.reshape(-1, channels, 1, 1)


def _channels_last(shape: Shape, picture: tuple[int, int]) -> bool:
    height, width = picture
    return shape[0] * width == shape[1] * height and shape[1] * width != shape[2] * height


def scales(deviations: Tensor, least: float = 0.01) -> Tensor:
    """Channel scales for standardising features: deviations, where far too small ones give way to the usual one.

    A channel that is silent in typical pictures may not be so in others: a filter may send it once in a thousand
    frames. Divided by a deviation near zero, that frame would outweigh all that a network has learned.

    Args:
        deviations: of the channels over typical pictures, one each.
        least: share of their root mean square below which a channel counts as silent.

    >>> scales(torch.tensor([1.0, 1.0, 0.001]))
    tensor([1.0000, 1.0000, 0.8165])
    """
    usual = deviations.square().mean().sqrt().clamp_min(1e-6)
    return torch.where(deviations < least * usual, usual, deviations)


class PayloadNetwork(nn.Module):
    """A network whose input is the live tensors of a cut.

    Args:
        shapes: of the live tensors for one picture, without the batch.
        picture: height and width of the picture, in any unit.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shapes: Sequence[Shape], picture: tuple[int, int] = SQUARE) -> None:
        super().__init__()
        self.layout = MapLayout(tuple(tuple(shape) for shape in shapes), picture)
        self.register_buffer("mean", torch.zeros(self.layout.channels))
        self.register_buffer("deviation", torch.ones(self.layout.channels))
        self._lay_out()

    def _lay_out(self) -> None:
        """Choose the layout in memory; a network does so again when its layers are made."""
        self._memory = MemoryLayout.of(self)
        self._memory.module(self)

    def maps(self, tensors: Sequence[Tensor]) -> Tensor:
        """The live tensors, N×… each, as maps N×C×h×w (`MapLayout`), standardised.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        maps = (self.layout(tensors) - self.mean[:, None, None]) / self.deviation[:, None, None]
        return self._memory.tensor(maps)

    @torch.no_grad()
    def standardise(self, tensors: Sequence[Tensor]) -> None:
        """Set the mean and the scale (`scales`) by which each channel is standardised from now on.

        Args:
            tensors: the live tensors of typical pictures, N×… each.
        """
        maps = self.layout(tensors)
        self.mean.copy_(maps.mean((0, 2, 3)))
        self.deviation.copy_(scales(maps.std((0, 2, 3), correction=0)))
