"""Inversion U-Nets, from the tensors that cross a cut to a generator's input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.nn.payload import PayloadNetwork, Shape

PARAMETERS = 4_000_000
"""Weights of the network, whatever it makes, before what a payload of many channels adds."""
PER_CHANNEL = 9 * 32
"""Weights added for each channel of the payload: a convolution to 32 maps, so that no payload is too wide."""
_COARSEST, _NARROWEST = 4, 8  # side at the bottom, channels at the full side
_FARTHEST = 3  # doublings between payload and output; the resizing does the rest


@dataclass(frozen=True)
class Sides:
    """Sides of the maps inside an inversion U-Net, from those of payload and output.

    Attributes:
        coarse: height and width at the bottom.
        halvings: on the way down.
        doublings: on the way up.
    """

    coarse: tuple[int, int]
    halvings: int
    doublings: int

    @classmethod
    def between(cls, payload: tuple[int, int], output: tuple[int, int]) -> Sides:
        """The input is resized by less than a factor of √2 where sides are at most eightfold apart.

        >>> Sides.between((56, 56), (64, 64)), Sides.between((56, 56), (64, 64)).first  # Fig. 7
        (Sides(coarse=(8, 8), halvings=3, doublings=3), (64, 64))
        """
        apart = max(-_FARTHEST, min(_FARTHEST, round(math.log2(max(output) / max(payload)))))
        shared = max(1, min(3, int(math.log2(max(1.0, min(output) / 2 ** max(0, apart) / _COARSEST)))))
        doublings = shared + max(0, apart)
        height, width = (math.ceil(side / 2**doublings) for side in output)
        return cls((height, width), shared + max(0, -apart), doublings)

    @property
    def first(self) -> tuple[int, int]:
        """Height and width that the payload is resized to."""
        height, width = self.coarse
        return height << self.halvings, width << self.halvings


class InversionUNet(PayloadNetwork):
    """F_u of Eq. 11: the payload is resized, halved and doubled by strided (de)convolutions with skips between equal
    sides, every one followed by batch norm and ReLU; a last convolution gives the generator's input.

    The paper gives the sides of one example (64×56×56 to 4×64×64), the kinds of layers, and that the variants for DO,
    DB and DMB are changed to have equally many parameters; widths, depth and their number it leaves open. Here the
    channels double with every halving and are set so that the parameters are as many as asked for, whatever comes out.
    Where payload and output differ in side, the way down or the way up is longer by so many halvings or doublings, so
    that the resizing loses nothing. The paper normalises the output before the diffusion model; that is part of the
    generator there (v_n).

    Args:
        shapes: of the live tensors for one picture, without the batch.
        output: C×h×w of the generator's input.
        parameters: of the network for a payload without channels; each of its channels adds `PER_CHANNEL`.

    >>> InversionUNet([(64, 8, 8)], output=(4, 8, 8))(torch.rand(2, 64, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    """

    def __init__(self, shapes: Sequence[Shape], output: Shape, parameters: int = PARAMETERS) -> None:
        height, width = output[-2:]
        super().__init__(shapes, (height, width))
        self.output = tuple(output)
        self.sides = Sides.between(self.layout.grid, (height, width))
        channels = self.layout.channels
        self._build(channels, _widths(self.sides, channels, output[0], parameters + PER_CHANNEL * channels))
        self._lay_out()

    def _build(self, channels: int, widths: Sequence[int]) -> None:
        self.stem, self.down, self.up, self.merge, self.last = _layers(self.sides, channels, widths, self.output[0])

    def forward(self, *tensors: Tensor) -> Tensor:
        """The live tensors, N×… each, to N×C×h×w.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        sides = self.sides
        skips = [self.stem(_resized(self.maps(tensors), sides.first))]
        for halve in self.down:
            skips += [halve(skips[-1])]
        x = skips[-1]
        for level, (double, merge) in enumerate(zip(self.up, self.merge, strict=True), 1):
            x = double(x)
            x = merge(torch.cat([x, skips[-1 - level]], 1) if level <= sides.halvings else x)
        height, width = self.output[-2:]
        return _resized(self.last(x), (height, width))


def _layers(
    sides: Sides, channels: int, widths: Sequence[int], colours: int
) -> tuple[nn.Module, nn.ModuleList, nn.ModuleList, nn.ModuleList, nn.Module]:
    """Stem, halvings, doublings, what follows each doubling, last.

    Args:
        sides: of the network.
        channels: of the payload.
        widths: channels at the bottom, one doubling above it, …
        colours: channels of the output.
    """
    stem = _block(nn.Conv2d(channels, widths[sides.halvings], 3, padding=1))
    down = [
        nn.Sequential(
            _block(nn.Conv2d(widths[level + 1], widths[level], 3, stride=2, padding=1)),
            _block(nn.Conv2d(widths[level], widths[level], 3, padding=1)),
        )
        for level in reversed(range(sides.halvings))
    ]
    levels = range(1, sides.doublings + 1)
    up = [_block(nn.ConvTranspose2d(widths[level - 1], widths[level], 4, stride=2, padding=1)) for level in levels]
    merge = [
        _block(nn.Conv2d(widths[level] * (2 if level <= sides.halvings else 1), widths[level], 3, padding=1))
        for level in levels
    ]
    last = nn.Conv2d(widths[sides.doublings], colours, 3, padding=1)
    return stem, nn.ModuleList(down), nn.ModuleList(up), nn.ModuleList(merge), last


def _block(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True))


def _widths(sides: Sides, channels: int, colours: int, parameters: int) -> tuple[int, ...]:
    """Channels by level, the widest network of so many parameters; what is left over goes to the finer levels.

    Raises:
        ValueError: even the narrowest has more.
    """
    levels = max(sides.halvings, sides.doublings) + 1

    def fits(widths: Sequence[int]) -> bool:
        with torch.device("meta"):
            parts = _layers(sides, channels, widths, colours)
        return sum(weight.numel() for part in parts for weight in part.parameters()) <= parameters

    def scaled(width: float) -> list[int]:
        return [max(_NARROWEST, round(width / 2**level)) for level in range(levels)]

    if not fits(scaled(0)):
        raise ValueError(f"{parameters} parameters: too few for a network of {levels} sides")
    low, high = 0.0, 4096.0
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(scaled(middle)) else (low, middle)
    widths = scaled(low)
    for level in range(levels):
        while fits(wider := [*widths[:level], widths[level] + 1, *widths[level + 1 :]]):
            widths = wider
    return tuple(widths)


def _resized(maps: Tensor, sides: tuple[int, int]) -> Tensor:
    if maps.shape[-2:] == sides:
        return maps
    return F.interpolate(maps, sides, mode="bilinear", align_corners=False, antialias=True)


class OneStepUNet(InversionUNet):
    """z₀ = F_u(y), and a second network of the same kind for the velocity v(z, t, y) of a flow from z₀ at t = 0 to the
    true latent at t = 1; the answer is one Euler step, z₀ + v(z₀, 0, y). It starts as no step.

    The velocity gets z₀ as the place where the flow starts and not as an input besides: with both, it could be read off
    at any other t as (z − z₀)/t.

    Args:
        shapes: of the live tensors for one picture, without the batch.
        output: C×h×w of the latent.
        parameters: of either network; see `InversionUNet`.
    """

    def __init__(self, shapes: Sequence[Shape], output: Shape, parameters: int = PARAMETERS) -> None:
        super().__init__(shapes, output, parameters)
        self.flow = InversionUNet((*shapes, tuple(output), (1,)), output, parameters)
        for weights in self.flow.last.parameters():
            nn.init.zeros_(weights)

    def amortised(self, *tensors: Tensor) -> Tensor:
        """z₀, N×C×h×w, of the live tensors, N×… each.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        return InversionUNet.forward(self, *tensors)

    def velocity(self, at: Tensor, time: Tensor, *tensors: Tensor) -> Tensor:
        """v, N×C×h×w.

        Args:
            at: z, N×C×h×w.
            time: t, N, 0 … 1.
            tensors: the live tensors.
        """
        velocity: Tensor = self.flow(*tensors, at, time[:, None])
        return velocity

    def forward(self, *tensors: Tensor) -> Tensor:
        """The live tensors, N×… each, to N×C×h×w.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        start = self.amortised(*tensors)
        return start + self.velocity(start, start.new_zeros(len(start)), *tensors)

    @torch.no_grad()
    def standardise(self, tensors: Sequence[Tensor]) -> None:
        """See `PayloadNetwork`; latents and times, which spread by about one, are left as they are."""
        super().standardise(tensors)
        self.flow.mean[: self.layout.channels] = self.mean
        self.flow.deviation[: self.layout.channels] = self.deviation
