"""The hourglass of the deep image prior: an untrained network whose structure alone prefers pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SKIP = 4
_LEAST = 8


class Hourglass(nn.Module):
    """From noise to a picture: down by strided convolutions, up by bilinear steps, with narrow skips (Ulyanov et al.
    2018, "skip" network). Statistics of a normalisation are those of the one picture.

    Args:
        inputs: channels of the noise.
        widths: channels of each level, the finest first.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        ins = [inputs, *widths[:-1]]
        below = [*widths[1:], widths[-1]]
        self.skips = nn.ModuleList(_block(count, _SKIP, 1) for count in ins)
        self.downs = nn.ModuleList(
            nn.Sequential(_block(count, width, 3, stride=2), _block(width, width, 3))
            for count, width in zip(ins, widths, strict=True)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.InstanceNorm2d(_SKIP + deep, affine=True), _block(_SKIP + deep, width, 3))
            for deep, width in zip(below, widths, strict=True)
        )
        self.picture = nn.Conv2d(widths[0], 3, 1)

    def forward(self, noise: Tensor) -> Tensor:
        """1×C×H×W to a picture 1×3×H×W in [0, 1]."""
        skips, x = [], noise
        for skip, down in zip(self.skips, self.downs, strict=True):
            skips.append(skip(x))
            x = down(x)
        for skip, up in zip(reversed(skips), reversed(self.ups), strict=True):
            x = up(torch.cat([skip, F.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)], 1))
        made: Tensor = self.picture(x).sigmoid()
        return made


def levels(height: int, width: int, most: int) -> int:
    """Halvings, at most so many and at least one, that leave 8 pixels or more of either side."""
    count = 1
    while count < most and min(height, width) >> (count + 1) >= _LEAST:
        count += 1
    return count


def _block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.LeakyReLU(0.2),
    )
