"""What networks that read a payload share: its tensors as standardised maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyhole.nn.layout import SQUARE, MapLayout, Shape
from keyhole.nn.memory_layout import MemoryLayout
from keyhole.nn.scale import scales


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
        """From now on take each channel as its distance from the mean that it has here, in deviations (`scales`).

        Args:
            tensors: the live tensors of typical pictures, N×… each.
        """
        maps = self.layout(tensors)
        self.mean.copy_(maps.mean((0, 2, 3)))
        self.deviation.copy_(scales(maps.std((0, 2, 3), correction=0)))
