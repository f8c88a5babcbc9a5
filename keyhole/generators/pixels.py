"""Pixels as the variable: plain, normalised, and in whitened Fourier coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.nn.device import CPU
from keyhole.sizes import Size, height_width


@dataclass(frozen=True)
class Pixels:
    """D = identity: the variable is the picture. It starts from grey with a little noise.

    Attributes:
        size: of the picture in pixels.
        noise: standard deviation of the start, in picture units.
    """

    size: Size
    noise: float = 0.01
    passes: ClassVar[int] = 0

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """N×3×H×W."""
        return 0.5 + self.noise * torch.randn(count, 3, *height_width(self.size), generator=random)

    def __call__(self, variable: Tensor) -> Tensor:
        """The variable."""
        return variable


@dataclass(frozen=True)
class NormalisedPixels:
    """The variable is the head's input, a normalised picture N×3×H×W. It starts from zero, the mean picture.

    Attributes:
        size: of the picture in pixels.
        normalise: RGB pictures in [0, 1] to the head's input, each number by a line of its own.
    """

    size: Size
    normalise: Callable[[Tensor], Tensor]
    passes: ClassVar[int] = 0

    def start(self, count: int, random: torch.Generator) -> Tensor:  # noqa: ARG002
        """N×3×H×W."""
        return torch.zeros(count, 3, *height_width(self.size))

    def __call__(self, variable: Tensor) -> Tensor:
        """The pictures that are normalised to it."""
        black, white = (self.normalise(torch.full_like(variable[:1], level)) for level in (0.0, 1.0))
        return (variable - black) / (white - black)


@dataclass(frozen=True)
class SpectralPixels:
    """The picture in coordinates in which natural pictures are white: a preconditioner for first-order optimisers.

    The variable is the picture's real Fourier transform per decorrelated colour, divided by the amplitude that natural
    pictures have at that frequency (1/f) and by the spread of that colour. A step of equal size in every coordinate
    then moves coarse structure first and far. The map is linear, onto, and the same for every picture.

    Attributes:
        size: of the picture in pixels.
        noise: standard deviation of the start, in the variable's units.
        device: where it computes.
    """

    size: Size
    noise: float = 0.01
    device: torch.device = CPU
    passes: ClassVar[int] = 0

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """N×3×H×(W//2+1)×2: real and imaginary parts."""
        height, width = height_width(self.size)
        return self.noise * torch.randn(count, 3, height, width // 2 + 1, 2, generator=random)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W."""
        spectrum = torch.view_as_complex(variable) * self._amplitude
        planes = torch.fft.irfft2(spectrum, s=height_width(self.size), norm="ortho")
        return torch.einsum("ij,njhw->nihw", self._colours, planes).add(_GREY)

    @cached_property
    def _amplitude(self) -> Tensor:
        height, width = height_width(self.size)
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
        falloff = 1 / (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
        amplitude: Tensor = falloff / falloff.square().mean().sqrt()
        return amplitude.to(self.device)

    @cached_property
    def _colours(self) -> Tensor:
        return _COLOURS.to(self.device)


_GREY = 0.45  # mean level of photographs
# Square root of the covariance of colours in photographs: brightness, then red against blue, then green against purple.
_COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]]) / 0.46
