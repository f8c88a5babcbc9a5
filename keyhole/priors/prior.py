"""Priors: pictures as an autoencoder and a diffusion model know them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from keyhole.extensions import ExtensionError, extension_hash, load_extension
from keyhole.nn.device import CPU
from keyhole.nn.text_tower import MODEL, TOKENIZER
from keyhole.priors.autoencoder import Autoencoder, check_autoencoder, load_autoencoder
from keyhole.priors.denoiser import Denoiser, check_denoiser, load_denoiser
from keyhole.priors.folder import fingerprint, is_extension, prior_folder
from keyhole.priors.text import told
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Prior:
    """An attacker's knowledge of pictures before it sees a frame.

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

    def telling(self, texts: Sequence[str]) -> Prior:
        """The same, whose diffusion model is told a text, or one for each picture.

        Raises:
            ValueError: it was loaded without one, and has no text encoder at hand.
        """
        denoiser = self.denoiser.telling(texts)
        return Prior(self.autoencoder, lambda: denoiser)


def load_prior(
    name: str | None, *, quantise: bool = True, device: torch.device = CPU, text: str | None = None
) -> Prior:
    """The prior of that name: a diffusers directory, as of Stable Diffusion or an unconditional LDM, or one's own.

    >>> prior = load_prior("streetcam")
    >>> prior.autoencoder.latent_shape(128)
    (24, 16, 16)

    Args:
        name: of a shipped one, path, or ``owner/name`` on the hub (see `prior_folder`); or ``package.module:Class``, a
            class or function that is called with the device and makes a `Prior` which computes there.
        quantise: see `load_autoencoder`; a prior of one's own is not told.
        device: where it computes.
        text: what the diffusion model is told at every step; None: nothing.

    Raises:
        UsageError: there is none, or of a kind that is not known, or it takes no text. What a class of one's own raises
            itself is left as it is, so that it shows where.
    """
    if is_extension(name):
        if text is not None:
            raise UsageError(f"--text {text!r}: a prior of one's own tells its Denoiser itself, by its `told`")
        return _own_prior(str(name), device)
    folder = prior_folder(name)
    autoencoder = load_autoencoder(folder, quantise=quantise, device=device)
    return Prior(autoencoder, partial(_denoiser, folder, text, device))


def _denoiser(folder: Path, text: str | None, device: torch.device) -> Denoiser:
    denoiser = load_denoiser(folder, device)
    return denoiser if text is None else told(denoiser, folder, text, device)


def prior_hash(name: str | None, *, told: bool = False) -> str:
    """Twelve hex digits that change with the files of a prior; of one's own, with the source file of its class.

    Args:
        name: see `load_prior`.
        told: its text encoder counts too.

    Raises:
        UsageError: as `load_prior`.
    """
    if not is_extension(name):
        return fingerprint(prior_folder(name), (MODEL, TOKENIZER) if told else ())
    _factory(str(name))
    return extension_hash(str(name))


def _own_prior(name: str, device: torch.device) -> Prior:
    prior = _factory(name)(device)
    if not isinstance(prior, Prior):
        raise UsageError(f"--prior {name}: it must make a {Prior.__module__}.Prior, got {type(prior).__name__}")
    if not isinstance(prior.autoencoder, Autoencoder):
        got = type(prior.autoencoder).__name__
        raise UsageError(f"--prior {name}: its autoencoder must be a {Autoencoder.__module__}.Autoencoder, got {got}")
    check_autoencoder(prior.autoencoder, name)
    return Prior(prior.autoencoder, partial(_own_denoiser, prior, name, device))


def _own_denoiser(prior: Prior, name: str, device: torch.device) -> Denoiser:
    denoiser = prior.load()
    if not isinstance(denoiser, Denoiser):
        got = type(denoiser).__name__
        raise UsageError(f"--prior {name}: it must load a {Denoiser.__module__}.Denoiser, got {got}")
    check_denoiser(denoiser, name, device)
    return denoiser


def _factory(name: str) -> Callable[[torch.device], object]:
    try:
        factory: Any = load_extension(name)
        inspect.signature(factory).bind(CPU)
    except ExtensionError as error:
        raise UsageError(f"--prior {name}: cannot load {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"--prior {name}: expected a class or function that makes a prior when it is called with a torch.device: "
            f"{error}"
        ) from error
    return factory  # type: ignore[no-any-return]
