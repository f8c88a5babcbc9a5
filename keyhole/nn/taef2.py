"""TAEF2, a tiny autoencoder for the latents of FLUX.2 (madebyollin/taesd, MIT), built to fit its published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

CHANNELS = 32
"""Channels of the latent."""
FACTOR = 8
"""Side of the picture divided by side of the latent."""
ENCODER, DECODER = "taef2_encoder.safetensors", "taef2_decoder.safetensors"
"""Names of the files that hold the two halves."""

_WIDTH = 64


class Taef2(nn.Module):
    """Pictures in [0, 1] to latents and back, each half a plain sequence of 3×3 convolutions.

    >>> Taef2().encode(torch.rand(1, 3, 64, 64)).shape
    torch.Size([1, 32, 8, 8])
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _conv(3, _WIDTH), _Block(), *_down(), *_down(), *_down(pooled=True), _conv(_WIDTH, CHANNELS)
        )
        self.decoder = nn.Sequential(
            _SoftClamp(),
            _conv(CHANNELS, _WIDTH),
            nn.ReLU(),
            *_up(pooled=True),
            *_up(),
            *_up(),
            _Block(),
            _conv(_WIDTH, 3),
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The network with the weights in a folder, in single precision.

        Raises:
            FileNotFoundError: one of the two files is not there.
            RuntimeError: a file holds other tensors.
            SafetensorError: a file is not one of tensors.
        """
        network = cls()
        network.encoder.load_state_dict(load_file(folder / ENCODER))
        network.decoder.load_state_dict(load_file(folder / DECODER))
        return network

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents N×32×H/8×W/8 of RGB pictures in [0, 1], N×3×H×W with sides that 8 divides."""
        latents: Tensor = self.encoder(pictures)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """RGB pictures N×3×H×W of latents N×32×H/8×W/8; values may leave [0, 1] slightly."""
        pictures: Tensor = self.decoder(latents)
        return pictures


class _SoftClamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class _Block(nn.Module):
    """Three convolutions beside a skip; where ``pooled``, a normalised 1×1 branch before them."""

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
        self.pool = _pool() if pooled else None

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.pool is None else x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def _down(pooled: bool = False) -> list[nn.Module]:
    return [_conv(stride=2, bias=False), _Block(pooled), _Block(pooled), _Block(pooled)]


def _up(pooled: bool = False) -> list[nn.Module]:
    return [_Block(pooled), _Block(pooled), _Block(pooled), nn.Upsample(scale_factor=2), _conv(bias=False)]


def _conv(inputs: int = _WIDTH, outputs: int = _WIDTH, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias)


def _pool() -> nn.Sequential:
    wide = 4 * _WIDTH
    return nn.Sequential(
        nn.Conv2d(_WIDTH, wide, 1, bias=False), nn.GroupNorm(4, wide), nn.ReLU(), nn.Conv2d(wide, _WIDTH, 1, bias=False)
    )
