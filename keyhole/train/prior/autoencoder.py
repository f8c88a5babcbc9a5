"""Autoencoders: the half of a prior between pictures and latents."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import diffusers
import torch
from rich.progress import track
from safetensors import SafetensorError
from torch import Tensor, nn

from keyhole.nn import taef2
from keyhole.service.errors import UsageError

_GROUPS = 8
_BATCH = 32


@dataclass(frozen=True)
class Autoencoder:
    """Pictures to latents and back, whatever the network.

    Attributes:
        network: with its weights, in single precision.
        to_latent: RGB pictures in [0, 1], N×3×H×W, to the network's own latents N×C×h×w; of a distribution its mode.
        to_picture: the network's own latents to RGB pictures, which may leave [0, 1] slightly.
        channels: C.
        factor: H over h.
        save: writes the network into a folder as half precision, with facts added to its ``config.json``.
    """

    network: nn.Module
    to_latent: Callable[[Tensor], Tensor]
    to_picture: Callable[[Tensor], Tensor]
    channels: int
    factor: int
    save: Callable[[Path, Mapping[str, Any]], None]

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """The network's own latents of uint8 pictures N×3×H×W, in parts."""
        parts = track(torch.split(pictures, _BATCH), f"encoding {len(pictures)} pictures")
        return torch.cat([self.to_latent(part.to(self._device) / 255).float().cpu() for part in parts])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """RGB pictures in [0, 1] of the network's own latents, in parts."""
        return torch.cat(
            [self.to_picture(part.to(self._device)).float().clamp(0, 1).cpu() for part in torch.split(latents, _BATCH)]
        )

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def new_network(channels: int, widths: Sequence[int]) -> nn.Module:
    """An AutoencoderKL of random weights (Rombach et al. 2022, appendix G, without its attention, so that it costs the
    same per pixel at any size), one residual block a resolution in the encoder and two in the decoder.

    It computes less than an AutoencoderTiny of as many parameters, which has as many channels at the full resolution as
    at the lowest.

    Args:
        channels: of the latents.
        widths: channels at each resolution, each half the one before.
    """
    network: Any = diffusers.AutoencoderKL(  # type: ignore[no-untyped-call]
        block_out_channels=tuple(widths),
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        latent_channels=channels,
        layers_per_block=1,
        norm_num_groups=math.gcd(_GROUPS, *widths),
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=1.0,
    )
    return cast(nn.Module, network)


def as_stored(network: Any) -> Autoencoder:
    """A network of diffusers with its weights rounded to half precision, which is how they are stored."""
    rounded = network.half().float().eval().requires_grad_(False)
    return _CLASSES[type(network).__name__](rounded)


def open_autoencoder(folder: Path) -> Autoencoder:
    """The autoencoder in a folder, or in its ``vae/``.

    Raises:
        UsageError: none there, or of a class that is not known.
    """
    place = folder / "vae" if (folder / "vae").is_dir() else folder
    try:
        if (place / taef2.DECODER).exists():
            return _taef2(place)
        name = str(json.loads((place / "config.json").read_text()).get("_class_name"))
        if name not in _CLASSES:
            raise UsageError(f"--autoencoder: {place} is of class {name}: expected one of {', '.join(_CLASSES)}")
        network = getattr(diffusers, name).from_pretrained(place, torch_dtype=torch.float32, local_files_only=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"--autoencoder: {place} holds no autoencoder that can be read: {error}") from error
    return as_stored(network)


def _kl(network: Any) -> Autoencoder:
    return _diffusers(network, lambda x: network.encode(x).latent_dist.mode())


def _tiny(network: Any) -> Autoencoder:
    return _diffusers(network, lambda x: network.encode(x).latents)


def _diffusers(network: Any, encode: Callable[[Tensor], Tensor]) -> Autoencoder:
    """Of a network whose pictures are in [-1, 1], as those of diffusers are."""
    facts = network.config

    def save(folder: Path, more: Mapping[str, Any]) -> None:
        network.register_to_config(**more)
        network.half().save_pretrained(folder)
        network.float()

    return Autoencoder(
        network,
        lambda pictures: encode(pictures * 2 - 1),
        lambda latents: (network.decode(latents).sample + 1) / 2,
        facts["latent_channels"],
        2 ** (len(facts["block_out_channels"]) - 1),
        save,
    )


def _taef2(place: Path) -> Autoencoder:
    network = taef2.Taef2.load(place).eval().requires_grad_(False)

    def save(folder: Path, more: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (taef2.ENCODER, taef2.DECODER):
            if place.resolve() != folder.resolve():
                shutil.copy(place / name, folder / name)
        (folder / "config.json").write_text(json.dumps({"_class_name": "Taef2", **more}, indent=2) + "\n")

    return Autoencoder(network, network.encode, network.decode, taef2.CHANNELS, taef2.FACTOR, save)


_CLASSES: Mapping[str, Callable[[Any], Autoencoder]] = MappingProxyType(
    {"AutoencoderKL": _kl, "AutoencoderTiny": _tiny}
)
