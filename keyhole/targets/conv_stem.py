"""A convolutional stem in the place of a transformer's patch embedding."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class ConvStem(nn.Module):
    """Pictures, N×3×H×W, to tokens, N×(H/16 · W/16)×width.

    Xiao et al. 2021, "Early convolutions help transformers see better", §4: four 3×3 convolutions of stride 2 with
    batch normalisation and ReLU, whose channels double up to the width, then one of 1×1. A ViT with it learns from
    fewer pictures and steps than one whose patches are cut out and projected. The paper takes out one transformer block
    for it; here they all stay.

    Args:
        width: length of a token, a multiple of 8.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = (3, width // 8, width // 4, width // 2, width)
        layers = [layer for inner, outer in pairwise(channels) for layer in _halving(inner, outer)]
        self.convolutions = nn.Sequential(*layers)
        self.projection = nn.Conv2d(width, width, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.projection(self.convolutions(pictures)).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


def _halving(inner: int, outer: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inner, outer, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()
