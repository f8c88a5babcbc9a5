"""A prior: pictures as an autoencoder and a diffusion model know them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from keyhole.nn.device import CPU
from keyhole.priors.autoencoder import Autoencoder
from keyhole.priors.autoencoders import load_autoencoder
from keyhole.priors.denoiser import Denoiser, load_denoiser
from keyhole.priors.folder import prior_folder
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Prior:
    """What an attacker knows of pictures before it sees a frame.

    Attributes:
        autoencoder: pictures to latents and back.
        load: the diffusion model on those latents, which attacks through the decoder alone do without.
    """

    autoencoder: Autoencoder
    load: Callable[[], Denoiser]

    @cached_property
    def denoiser(self) -> Denoiser:
        """The diffusion model, loaded on first use.

        Raises:
            UsageError: it is not there, or is one of other latents.
        """
        denoiser = self.load()
        ours, theirs = self.autoencoder.channels, denoiser.channels
        if ours != theirs:
            raise UsageError(f"prior: the autoencoder's latents have {ours} channels, the U-Net takes {theirs}")
        return denoiser


def load_prior(name: str | None, *, quantise: bool = True, device: torch.device = CPU) -> Prior:
    """The prior in a diffusers directory: Stable Diffusion, an unconditional LDM, or an autoencoder alone.

    Args:
        name: of a shipped one, path, or ``owner/name`` on the hub; see `prior_folder`.
        quantise: see `load_autoencoder`.
        device: where it computes.

    Raises:
        UsageError: there is none, or of a kind that is not known.
    """
    folder = prior_folder(name)
    autoencoder = load_autoencoder(folder, quantise=quantise, device=device)
    return Prior(autoencoder, lambda: load_denoiser(folder, device))
