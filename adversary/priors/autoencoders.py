"""Autoencoders by the class that their configuration names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from adversary.device import CPU
from adversary.priors.autoencoder import Autoencoder, Function, LatentScale
from adversary.priors.folder import config, part
from adversary.priors.library import load_network
from keyhole.nn import taef2
from keyhole.service.errors import UsageError

TAEF2_SPREAD = 0.9
"""Standard deviation of TAEF2's latents over all channels: 0.87 of photographs at 128 pixels, 0.94 of faces at 112."""


def load_autoencoder(folder: Path, *, quantise: bool = True, device: torch.device = CPU) -> Autoencoder:
    """The autoencoder in ``vae/``, or in ``vqvae/`` as unconditional LDM directories call it.

    A ``vae/`` with the two files of TAEF2 (`keyhole.nn.taef2`) needs no ``config.json``; one that is there may scale
    the latents as diffusers' do.

    Args:
        folder: of the prior.
        quantise: a VQModel decodes the nearest codes, as LDM does, and the gradient passes them straight. False: it
            decodes the latent itself.
        device: where it computes.

    Raises:
        UsageError: none there, or of a class that is not known.
    """
    place = part(folder, "vae", "vqvae")
    kind = "Taef2" if (place / taef2.DECODER).exists() else str(config(place / "config.json").get("_class_name"))
    if kind not in AUTOENCODERS:
        raise UsageError(f"prior: {place} is of class {kind}: expected one of {', '.join(AUTOENCODERS)}")
    return AUTOENCODERS[kind](place, quantise, device)


def _kl(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderKL").to(device)
    return _diffusers(
        network, device, lambda x: network.encode(x).latent_dist.mode(), lambda z: network.decode(z).sample
    )


def _dc(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderDC").to(device)
    return _diffusers(
        network,
        device,
        lambda x: network.encode(x).latent,
        lambda z: network.decode(z).sample,
        resolutions="encoder_block_out_channels",
    )


def _vq(place: Path, quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "VQModel").to(device)
    return _diffusers(
        network,
        device,
        lambda x: network.encode(x).latents,
        lambda z: network.decode(z, force_not_quantize=not quantise).sample,
    )


def _tiny(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderTiny").to(device)
    return _diffusers(network, device, lambda x: network.encode(x).latents, lambda z: network.decode(z).sample)


def _taef2(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    try:
        network = taef2.Taef2.load(place).eval().requires_grad_(False).to(device)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"prior: {place} does not hold TAEF2: {error}") from error
    given = config(place / "config.json") if (place / "config.json").exists() else {}
    scale = LatentScale.of({"scaling_factor": 1 / TAEF2_SPREAD, **given}).to(device)
    return Autoencoder(network.encode, network.decode, scale, taef2.CHANNELS, taef2.FACTOR)


def _diffusers(
    network: Any,
    device: torch.device,
    encode: Function,
    decode: Function,
    *,
    resolutions: str = "block_out_channels",
) -> Autoencoder:
    """Of a network whose pictures are in [-1, 1], as those of diffusers are.

    Args:
        network: of diffusers.
        device: where it is.
        encode: pictures to latents.
        decode: latents to pictures.
        resolutions: the entry of its configuration that lists the channels at each resolution.
    """
    facts = network.config

    def to_latent(pictures: Tensor) -> Tensor:
        return encode(pictures * 2 - 1)

    def to_picture(latents: Tensor) -> Tensor:
        return (decode(latents) + 1) / 2

    factor = 2 ** (len(facts[resolutions]) - 1)
    return Autoencoder(to_latent, to_picture, LatentScale.of(facts).to(device), facts["latent_channels"], factor)


AUTOENCODERS: Mapping[str, Callable[[Path, bool, torch.device], Autoencoder]] = MappingProxyType(
    {"AutoencoderKL": _kl, "AutoencoderDC": _dc, "VQModel": _vq, "AutoencoderTiny": _tiny, "Taef2": _taef2}
)
"""Loader of a folder by class; the flag is whether a VQModel quantises, the device where it computes."""
