"""ST-LPIPS: learned perceptual similarity that a shift of some pixels hardly changes (Ghildyal and Liu 2022).

The weights are a file of the package `stlpips_pytorch`, read as tensors. Its code is left alone: it imports packages
that it does not ask for, and its filters are under a licence that forbids commercial use.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.metrics.base import at_least_single, check_pair
from keyhole.metrics.registry import METRICS, SHIFT_TOLERANT

_COMPARED = (2, 6, 10, 12, 14)
"""Layers after which features are compared."""
_CHANNELS = (64, 192, 384, 256, 256)


def stlpips(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Shift-tolerant LPIPS with its AlexNet; one per picture.

    Args:
        reconstruction: N×3×H×W in [0, 1], at least 21 pixels a side; not resized.
        truth: same shape.

    Returns:
        N values; 0 where the two are equal, greater is worse.

    Raises:
        MissingWeightsError: `SHIFT_TOLERANT` is not on this machine; the message names the extra.
        ValueError: shapes differ, values leave [0, 1] or are not finite, or a side is shorter than 21 pixels.
    """
    check_pair(reconstruction, truth, METRICS["stlpips"])
    dtype = at_least_single(truth)
    distance: Tensor = _network().to(truth.device, dtype)(reconstruction.to(dtype), truth.to(dtype))
    return distance


class ShiftTolerantDistance(nn.Module):
    """Weighted squared distance of the unit vectors that two pictures have at each place of five layers.

    The network is an AlexNet whose strides follow a binomial blur (Zhang 2019) that reflects two pixels at the borders.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 11, padding=2), Blur(64), nn.ReLU(),
            nn.MaxPool2d(3, stride=1), Blur(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3, stride=1), Blur(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.calibrations = nn.ModuleList(nn.Conv2d(channels, 1, 1, bias=False) for channels in _CHANNELS)
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """N values of RGB pictures N×3×H×W in [0, 1]."""
        first, second = (((2 * pictures - 1) - self.shift) / self.scale for pictures in (first, second))
        total, calibrations = first.new_zeros(len(first)), iter(self.calibrations)
        for place, layer in enumerate(self.layers):
            first, second = layer(first), layer(second)
            if place in _COMPARED:
                difference = (_unit(first) - _unit(second)).square()
                total = total + next(calibrations)(difference).mean(dim=(1, 2, 3))
        return total


class Blur(nn.Module):
    """Every other value of features N×C×H×W, after a blur of three values."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.zeros(channels, 1, 3, 3))

    def forward(self, features: Tensor) -> Tensor:
        """N×C×⌈(H + 2) / 2⌉×⌈(W + 2) / 2⌉."""
        return F.conv2d(F.pad(features, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=len(self.filt))


def _unit(features: Tensor) -> Tensor:
    length: Tensor = features.norm(dim=1, keepdim=True)
    return features / (length + 1e-10)


@cache
def _network() -> ShiftTolerantDistance:
    state = torch.load(SHIFT_TOLERANT.require(), map_location="cpu", weights_only=True)
    network = ShiftTolerantDistance()
    network.load_state_dict({_own_name(name): tensor for name, tensor in state.items()})
    network.requires_grad_(False)
    return network


def _own_name(name: str) -> str:
    """The name here of a tensor of the file.

    >>> _own_name("net.slice2.4.filt"), _own_name("lin0.model.1.weight"), _own_name("scaling_layer.shift")
    ('layers.4.filt', 'calibrations.0.weight', 'shift')
    """
    name = re.sub(r"^net\.slice\d\.", "layers.", name)
    name = re.sub(r"^lin(\d)\.model\.1\.", r"calibrations.\1.", name)
    return name.removeprefix("scaling_layer.")
