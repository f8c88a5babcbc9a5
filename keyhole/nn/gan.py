"""Networks of an adversarial pair without classes: a generator of transposed convolutions, and its critic."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SMALLEST, _WIDEST, _SLOPE = 4, 8, 0.2


def doublings(side: int) -> int:
    """How often the smallest map, 4×4, is doubled to a picture's side.

    >>> doublings(64)
    4

    Raises:
        ValueError: the side is no such multiple.
    """
    count = (side // _SMALLEST).bit_length() - 1
    if count < 1 or _SMALLEST << count != side:
        raise ValueError(f"pictures of {side} pixels: expected a side of 8, 16, 32, 64, …")
    return count


def widths(side: int, width: int) -> tuple[int, ...]:
    """Channels from the smallest map to the picture's own side: half as many each time, eight times ``width`` at most.

    >>> widths(64, 32)
    (256, 256, 128, 64, 32)
    """
    count = doublings(side)
    return tuple(width * min(_WIDEST, 1 << (count - level)) for level in range(count + 1))


class GanGenerator(nn.Module):
    """G of GMI and KED-MI (Zhang et al. 2020; Chen et al. 2021): a DCGAN (Radford et al. 2016).

    Args:
        latent: numbers in z.
        side: of the pictures, 8, 16, 32, ….
        width: channels at half the side; each halving of the side doubles them.

    >>> GanGenerator(latent=100, side=16, width=8)(torch.zeros(2, 100)).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(self, latent: int, side: int, width: int) -> None:
        super().__init__()
        self.latent = latent
        channels = widths(side, width)[1:]
        self.first = nn.Sequential(
            nn.Linear(latent, channels[0] * _SMALLEST**2, bias=False),
            nn.Unflatten(1, (channels[0], _SMALLEST, _SMALLEST)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        )
        self.up = nn.Sequential(
            *(
                nn.Sequential(
                    nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(),
                )
                for before, after in pairwise(channels)
            )
        )
        self.last = nn.ConvTranspose2d(channels[-1], 3, 4, stride=2, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures in [0, 1], N×3×side×side, of z, N×latent."""
        pictures: Tensor = torch.sigmoid(self.last(self.up(self.first(z))))
        return pictures


class GanCritic(nn.Module):
    """D of GMI, which scores pictures, or of KED-MI, which tells the target's classes apart.

    No layer looks across pictures: GMI's and KED-MI's gradients are then those of a picture alone. KED-MI's code has
    minibatch discrimination besides, by which a picture's score would depend on those that are made beside it.

    Args:
        side: of the pictures.
        width: channels at half the side; each halving doubles them.
        outputs: 1 for a score, K for classes.
    """

    def __init__(self, side: int, width: int, outputs: int = 1) -> None:
        super().__init__()
        channels = widths(side, width)[:0:-1]
        self.first = nn.Conv2d(3, channels[0], 4, stride=2, padding=1)
        self.down = nn.Sequential(
            *(
                nn.Sequential(
                    nn.LeakyReLU(_SLOPE),
                    nn.Conv2d(before, after, 4, stride=2, padding=1),
                    nn.GroupNorm(1, after),
                )
                for before, after in pairwise(channels)
            )
        )
        self.last = nn.Linear(channels[-1] * _SMALLEST**2, outputs)

    def features(self, pictures: Tensor) -> Tensor:
        """N×D, what the last layer sees."""
        maps: Tensor = F.leaky_relu(self.down(self.first(2 * pictures - 1)), _SLOPE)
        return maps.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """N×outputs of pictures in [0, 1], N×3×side×side."""
        scores: Tensor = self.last(self.features(pictures))
        return scores
