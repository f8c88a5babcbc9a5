"""Variables of attacks: the generator of each kind, made of what an attack knows."""

from __future__ import annotations

from keyhole.attacks.base import Known, WhiteBox
from keyhole.generators.diffusion import Denoised, Diffusion
from keyhole.generators.latents import Decoder, WhiteLatents
from keyhole.generators.pixels import Pixels, SpectralPixels
from keyhole.generators.untrained import DeepImagePrior


def pixels(known: Known, _steps: int) -> Pixels:
    """The picture."""
    return Pixels(known.size)


def spectral(known: Known, _steps: int = 0) -> SpectralPixels:
    """The picture in white coordinates."""
    return SpectralPixels(known.size, device=known.device)


def untrained(known: Known, _steps: int) -> DeepImagePrior:
    """The weights of an untrained network."""
    return DeepImagePrior(known.size, device=known.device)


def decoder(known: Known, _steps: int) -> Decoder:
    """The latent of the prior's autoencoder."""
    return Decoder(known.prior().autoencoder, known.size)


def decoder_on_grid(known: Known, _steps: int) -> Decoder:
    """A decoder whose latents have a size that the U-Net can take."""
    return Decoder(known.prior().autoencoder, known.size, known.prior().denoiser.multiple)


def white_latents(known: WhiteBox, multiple: int = 1) -> WhiteLatents:
    """The latent in white coordinates."""
    return WhiteLatents(Decoder(known.prior().autoencoder, known.size, multiple), known.public, known.device)


def white_noisy_latents(known: WhiteBox) -> WhiteLatents:
    """Whitened latents of a size that the U-Net can take."""
    return white_latents(known, known.prior().denoiser.multiple)


def diffusion(known: Known, steps: int) -> Diffusion:
    """The noise before a sampler of so many steps."""
    return Diffusion(known.prior(), known.size, steps)


def denoised(known: Known, steps: int) -> Denoised:
    """The latent before a sampler's last step of so many."""
    return Denoised(known.prior(), known.size, steps)
