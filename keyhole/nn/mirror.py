"""Mirror inversion networks, from the tensors that cross a cut back to the picture.

A transposed convolution undoes each convolution of a head, as in PATROL (§IV-A) after He et al. Such a network needs
to know only three things of the head: shapes of the payload, size of the picture, and number of convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.nn.payload import PayloadNetwork, Shape
from keyhole.sizes import Size, height_width

_NARROWEST, _WIDEST = 16, 256  # channels at the full side, and most at any
_SLOPE = 0.1
_GREY = 0.45


class MirrorNetwork(PayloadNetwork):
    """Transposed convolutions, each with batch norm and a leaky ReLU, halving the channels as they double the side.

    It starts from a grey picture, whatever the features.

    Args:
        shapes: of the live tensors for one picture, without the batch.
        size: of the picture in pixels.
        layers: transposed convolutions; at least one for each doubling of the side. None: two for each.

    >>> import torch
    >>> MirrorNetwork([(64, 8, 8)], size=32)(torch.rand(2, 64, 8, 8)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, shapes: Sequence[Shape], size: Size, layers: int | None = None) -> None:
        super().__init__(shapes, height_width(size))
        self.size = size
        enlarged = [side / own for side, own in zip(height_width(size), self.layout.grid, strict=True)]
        doublings = max(0, round(math.log2(min(enlarged))))
        layers = max(1, 2 * doublings if layers is None else max(layers, doublings))
        self.body = nn.Sequential(*_mirror(self.layout.channels, doublings, layers))
        self._lay_out()

    def forward(self, *tensors: Tensor) -> Tensor:
        """The live tensors, N×… each, to RGB pictures N×3×H×W around [0, 1], not clamped.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        picture: Tensor = self.body(self.maps(tensors))
        if picture.shape[2:] != height_width(self.size):
            picture = F.interpolate(picture.float(), height_width(self.size), mode="bilinear", antialias=True)
        return picture


def _mirror(channels: int, doublings: int, layers: int) -> list[nn.Module]:
    """Transposed convolutions from maps of ``channels`` to the three colours.

    Those that double the side are spread evenly; those that keep it come first at the coarse sides.
    """
    keeping = layers - doublings
    kept = [keeping // (doublings + 1) + (stage < keeping % (doublings + 1)) for stage in range(doublings + 1)]
    steps: list[tuple[int, int]] = []  # (doublings left after the layer, stride)
    for stage, count in enumerate(kept):
        steps += [(doublings - stage, 1)] * count
        steps += [(doublings - stage - 1, 2)] if stage < doublings else []
    body: list[nn.Module] = []
    width = channels
    for left, stride in steps[:-1]:
        body += [_undo(width, _width(left), stride), nn.BatchNorm2d(_width(left)), nn.LeakyReLU(_SLOPE)]
        width = _width(left)
    last = _undo(width, 3, steps[-1][1])
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, _GREY)  # type: ignore[arg-type]
    return [*body, last]


def _undo(inputs: int, outputs: int, stride: int) -> nn.ConvTranspose2d:
    """A transposed convolution that keeps or doubles the side, and keeps the scale of what passes."""
    kernel = 3 if stride == 1 else 4
    layer = nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding=1)
    nn.init.normal_(layer.weight, std=math.sqrt(2 / (1 + _SLOPE**2) / inputs) * stride / kernel)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _width(doublings_left: int) -> int:
    return int(min(_WIDEST, _NARROWEST << doublings_left))
