"""Latents of an autoencoder as the variable: plain (the papers' DB) and whitened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.nn.device import CPU
from keyhole.priors.autoencoder import Autoencoder
from keyhole.sizes import Size, height_width

PICTURES = 128
"""Public pictures that the covariance is taken over."""
_BATCH = 16
_FLOOR = 1e-3


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
        """Shape of the latent, C×h×w."""
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


@dataclass(frozen=True)
class WhiteLatents:
    """The latent in coordinates in which latents of pictures are white: a preconditioner for first-order optimisers.

    The latent's Fourier transform is S(f)·v(f), v the variable, S(f) the root of the covariance that the channels of
    public pictures' latents have at the frequency f.

    A step of equal size in every coordinate then moves what varies most in pictures farthest, as
    `keyhole.generators.pixels.SpectralPixels` does for pixels. The map is linear, onto, and the same for every
    picture; what leaves the decoder is what `Decoder` would make of the same latent.

    Attributes:
        decoder: of the latents.
        public: opens public pictures, RGB in [0, 1], 3×H×W each; on first use, for some seconds.
        device: where it computes.
        noise: standard deviation of the start, in the variable's units: the latent starts near that of a mean picture.
    """

    decoder: Decoder
    public: Callable[[], Iterable[Tensor]]
    device: torch.device = CPU
    noise: float = 0.01
    passes: ClassVar[int] = 0

    @cached_property
    def roots(self) -> Tensor:
        """S, h×(w//2+1)×C×C, complex and Hermitian; the same for all attacks that know the same."""
        return _roots(self.decoder.plainest, self.public, self.device)

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """N×C×h×(w//2+1)×2: real and imaginary parts."""
        rows, columns, channels, _ = self.roots.shape
        return self.noise * torch.randn(count, channels, rows, columns, 2, generator=random)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W."""
        return self.decode(self.latents(variable))

    def latents(self, variable: Tensor) -> Tensor:
        """Latents N×C×h×w."""
        spectra = torch.einsum("hwcd,ndhw->nchw", self.roots, torch.view_as_complex(variable))
        latents: Tensor = torch.fft.irfft2(spectra, s=self.decoder.shape[1:], norm="ortho")
        return latents

    def variable(self, latents: Tensor) -> Tensor:
        """The variable of latents N×C×h×w."""
        spectra = torch.fft.rfft2(latents, norm="ortho")
        white = torch.einsum("hwcd,ndhw->nchw", torch.linalg.inv(self.roots), spectra)
        return torch.view_as_real(white).contiguous()

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures N×3×H×W of latents."""
        return self.decoder.decode(latents)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures N×3×H×W."""
        return self.decoder.encode(pictures)


@lru_cache(maxsize=4)
@torch.inference_mode(False)
@torch.no_grad()
def _roots(decoder: Decoder, public: Callable[[], Iterable[Tensor]], device: torch.device) -> Tensor:
    shown = torch.stack(list(islice(public(), PICTURES)))
    latents = torch.cat([decoder.encode(part.to(device)) for part in torch.split(shown, _BATCH)])
    spectra = torch.fft.rfft2(latents, norm="ortho")
    covariances = torch.einsum("nchw,ndhw->hwcd", spectra, spectra.conj()) / len(spectra)
    values, vectors = torch.linalg.eigh(covariances)
    roots: Tensor = (vectors * values.clamp_min(_FLOOR).sqrt()[..., None, :]) @ vectors.mH
    return roots


def resized(pictures: Tensor, size: Size) -> Tensor:
    """Pictures N×3×H×W at ``size``, averaged where they shrink; unchanged where they fit."""
    if pictures.shape[-2:] == height_width(size):
        return pictures
    return F.interpolate(pictures, height_width(size), mode="bilinear", align_corners=False, antialias=True)
