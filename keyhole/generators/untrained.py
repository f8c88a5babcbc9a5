"""Weights of an untrained network as the variable: the deep image prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector

from keyhole.nn.device import CPU
from keyhole.nn.hourglass import Hourglass, levels
from keyhole.sizes import Size, height_width

WIDTHS = (16, 16, 32, 64, 64)
"""Channels by level. For the inversion of features the paper's authors have 16 to 128 on six levels; at 128 px these
cost about as much as a ResNet-18 up to `layer2`."""
_NOISE = 16
_SPREAD = 0.1
_SEED = 0


@dataclass(frozen=True)
class DeepImagePrior:
    """x = f_θ(z): an untrained convolutional network of fixed noise z, whose weights θ are what is optimised (Ulyanov,
    Vedaldi and Lempitsky 2018, Eq. 2).

    No weights are learned from pictures: structure alone makes natural pictures easier to reach than noise. The
    variable is θ, a row for each picture, so no picture's weights meet another's.

    Attributes:
        size: of the picture in pixels.
        widths: channels of the network by level, the finest first; small pictures leave out the last ones.
        device: where it computes.
    """

    size: Size
    widths: tuple[int, ...] = WIDTHS
    device: torch.device = CPU
    passes: ClassVar[int] = 0

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """N×P: fresh weights for each picture."""
        seeds = torch.randint(2**31, (count,), generator=random).tolist()
        return torch.stack([parameters_to_vector(self._made(seed).parameters()).detach() for seed in seeds])

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W in [0, 1]."""
        return torch.cat([self._picture(weights) for weights in variable])

    def _picture(self, weights: Tensor) -> Tensor:
        parts = torch.split(weights, [size.numel() for size in self._shapes.values()])
        named = {name: part.view(size) for (name, size), part in zip(self._shapes.items(), parts, strict=True)}
        made: Tensor = functional_call(self._network, named, (self._noise,))
        return made

    def _made(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Hourglass(_NOISE, self.widths[: levels(*height_width(self.size), len(self.widths))])

    @cached_property
    def _network(self) -> nn.Module:
        return self._made(_SEED).to(self.device)

    @cached_property
    def _shapes(self) -> dict[str, torch.Size]:
        return {name: parameter.shape for name, parameter in self._network.named_parameters()}

    @cached_property
    def _noise(self) -> Tensor:
        random = torch.Generator().manual_seed(_SEED)
        return (_SPREAD * torch.rand(1, _NOISE, *height_width(self.size), generator=random)).to(self.device)
