"""The latent of an autoencoder as the variable: the papers' decoder-based attack, DB."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.generators.resize import resized
from keyhole.priors.autoencoder import Autoencoder
from keyhole.sizes import Size


@dataclass(frozen=True)
class Decoder:
    """D = decoder: the variable is the latent in the units of the diffusion (`LatentScale`), in which the latents of
    pictures spread by about one. It starts as standard normal noise.

    The paper does not say how DB's variable is normalised. Here it is not, beyond those units: v_n of its §4 is for the
    input of the diffusion, which is noise, while mean and spread of a latent are part of the picture.

    Attributes:
        autoencoder: of the prior.
        size: of the picture in pixels; what the decoder makes is shrunk to it where the latent's grid is larger.
        multiple: that the latent's sides must be of, for a U-Net that works on it later.
    """

    autoencoder: Autoencoder
    size: Size
    multiple: int = 1
    passes: ClassVar[int] = 0

    @property
    def plainest(self) -> Decoder:
        """This one, without a multiple where the latent's sides are the same without."""
        plain = replace(self, multiple=1)
        return plain if plain.shape == self.shape else self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the latent, C×h×w."""
        return self.autoencoder.latent_shape(self.size, self.multiple)

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """N×C×h×w."""
        return torch.randn(count, *self.shape, generator=random)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W."""
        return self.decode(variable)

    def latents(self, variable: Tensor) -> Tensor:
        """The variable."""
        return variable

    def variable(self, latents: Tensor) -> Tensor:
        """The latents."""
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures N×3×H×W of latents N×C×h×w."""
        return resized(self.autoencoder.decode(latents), self.size)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents N×C×h×w of pictures N×3×H×W, enlarged where the latent's grid needs it."""
        _, height, width = self.shape
        factor = self.autoencoder.factor
        return self.autoencoder.encode(resized(pictures, (height * factor, width * factor)))
