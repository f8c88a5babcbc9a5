"""Networks of an adversarial pair with classes, PLG-MI's: residual generator with conditional batch norm, and a
projection discriminator under spectral normalisation."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from keyhole.nn.gan import widths

_SMALLEST = 4


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift are the class's own (Dumoulin et al. 2017); they start as 1 and 0.

    Args:
        channels: of the maps.
        classes: K.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.shift = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Maps N×C×h×w of classes N."""
        scale, shift = (column(labels)[:, :, None, None] for column in (self.scale, self.shift))
        normalised: Tensor = scale * self.norm(maps) + shift
        return normalised


class ConditionalUp(nn.Module):
    """A residual block that doubles the side (Miyato and Koyama 2018, Fig. 14)."""

    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionalBatchNorm(before, classes), ConditionalBatchNorm(after, classes)])
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)]
        )
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """N×C×h×w to N×C'×2h×2w."""
        inside = F.interpolate(F.relu(self.norms[0](maps, labels)), scale_factor=2)
        inside = F.relu(self.norms[1](self.convolutions[0](inside), labels))
        doubled: Tensor = self.convolutions[1](inside) + F.interpolate(self.skip(maps), scale_factor=2)
        return doubled


class ConditionalGenerator(nn.Module):
    """G(z, y) of PLG-MI (Yuan et al. 2023): the generator of a cGAN with projection discriminator.

    Args:
        latent: numbers in z.
        side: of the pictures, 8, 16, 32, ….
        width: channels at the full side; each halving of the side doubles them, up to eight times.
        classes: K.

    >>> made = ConditionalGenerator(latent=128, side=16, width=8, classes=5)
    >>> made(torch.zeros(2, 128), torch.tensor([0, 4])).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(self, latent: int, side: int, width: int, classes: int) -> None:
        super().__init__()
        self.latent, self.classes = latent, classes
        channels = widths(side, width)
        self.first = nn.Linear(latent, channels[0] * _SMALLEST**2)
        self.up = nn.ModuleList([ConditionalUp(before, after, classes) for before, after in pairwise(channels)])
        self.norm = nn.BatchNorm2d(channels[-1])
        self.last = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Pictures in [0, 1], N×3×side×side, of z, N×latent, and classes N."""
        maps = self.first(z).unflatten(1, (-1, _SMALLEST, _SMALLEST))
        for block in self.up:
            maps = block(maps, labels)
        pictures: Tensor = torch.sigmoid(self.last(F.relu(self.norm(maps))))
        return pictures


class SpectralDown(nn.Module):
    """A residual block that halves the side, its convolutions under spectral normalisation (Miyato et al. 2018)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(before, before, 3, padding=1)),
                spectral_norm(nn.Conv2d(before, after, 3, padding=1)),
            ]
        )
        self.skip = spectral_norm(nn.Conv2d(before, after, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """N×C×h×w to N×C'×h/2×w/2."""
        inside = F.relu(self.convolutions[0](F.relu(maps)))
        inside = F.avg_pool2d(self.convolutions[1](inside), 2)
        halved: Tensor = inside + self.skip(F.avg_pool2d(maps, 2))
        return halved


class ProjectionDiscriminator(nn.Module):
    """D(x, y) = ⟨v_y, φ(x)⟩ + ψ(φ(x)), Eq. 3 of Miyato and Koyama (2018), φ summed over places.

    Args:
        side: of the pictures.
        width: channels at the full side; each halving doubles them, up to eight times.
        classes: K.
    """

    def __init__(self, side: int, width: int, classes: int) -> None:
        super().__init__()
        channels = widths(side, width)[::-1]
        self.first = spectral_norm(nn.Conv2d(3, channels[0], 3, padding=1))
        self.down = nn.Sequential(*(SpectralDown(before, after) for before, after in pairwise(channels)))
        self.score = spectral_norm(nn.Linear(channels[-1], 1))
        self.projection = spectral_norm(nn.Embedding(classes, channels[-1]))

    def features(self, pictures: Tensor) -> Tensor:
        """φ, N×D, of pictures in [0, 1]."""
        maps: Tensor = F.relu(self.down(self.first(2 * pictures - 1)))
        return maps.sum(dim=(2, 3))

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """N scores of pictures in [0, 1], N×3×side×side, for classes N."""
        features = self.features(pictures)
        scores: Tensor = self.score(features).squeeze(1) + (self.projection(labels) * features).sum(dim=1)
        return scores
