"""The latent in coordinates in which latents of pictures are white: a preconditioner for first-order optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.generators.decoder import Decoder
from keyhole.nn.device import CPU

PICTURES = 128
"""That the covariance is taken over."""
_BATCH = 16
_FLOOR = 1e-3


@dataclass(frozen=True)
class WhiteLatents:
    """A latent's Fourier transform is S(f)·v(f), v the variable, S(f) the root of the covariance that the channels of
    public pictures' latents have at the frequency f.

    A step of equal size in every coordinate then moves what varies most in pictures farthest, as
    `keyhole.generators.pixels.SpectralPixels` does for pixels. The map is linear, onto, and the same for every
    picture; what leaves the decoder is what `Decoder` would make of the same latent.

    Attributes:
        decoder: of the latents.
        public: opens public pictures, RGB in [0, 1], 3×size×size each; on first use, for some seconds.
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
        """Pictures N×3×size×size."""
        return self.decode(self.latents(variable))

    def latents(self, variable: Tensor) -> Tensor:
        """Latents N×C×h×w."""
        spectra = torch.einsum("hwcd,ndhw->nchw", self.roots, torch.view_as_complex(variable))
        side = self.roots.shape[0]
        latents: Tensor = torch.fft.irfft2(spectra, s=(side, side), norm="ortho")
        return latents

    def variable(self, latents: Tensor) -> Tensor:
        """The variable of latents N×C×h×w."""
        spectra = torch.fft.rfft2(latents, norm="ortho")
        white = torch.einsum("hwcd,ndhw->nchw", torch.linalg.inv(self.roots), spectra)
        return torch.view_as_real(white).contiguous()

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures N×3×size×size of latents."""
        return self.decoder.decode(latents)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures N×3×size×size."""
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
