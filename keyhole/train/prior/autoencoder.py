"""Autoencoders, the half of a prior between pictures and latents, and the latents' scale."""

from __future__ import annotations

import hashlib
import json
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
from keyhole.train.cache import cached_tensors

_BATCH = 32


@dataclass(frozen=True)
class PriorAutoencoder:
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
        """The network's own latents N×C×h×w of uint8 pictures N×3×H×W, computed in parts."""
        parts = track(torch.split(pictures, _BATCH), f"encoding {len(pictures)} pictures")
        return torch.cat([self.to_latent(part.to(self._device) / 255).float().cpu() for part in parts])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """RGB pictures N×3×H×W in [0, 1] of the network's own latents N×C×h×w, computed in parts."""
        return torch.cat(
            [self.to_picture(part.to(self._device)).float().clamp(0, 1).cpu() for part in torch.split(latents, _BATCH)]
        )

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def new_network(channels: int, widths: Sequence[int], blocks: Sequence[int]) -> nn.Module:
    """An AutoencoderDC of random weights (Chen et al. 2025, "Deep Compression Autoencoder"), of convolutions alone.

    Pixels become channels before the first convolution and again at every halving, and what is averaged then passes
    beside the convolutions: the network starts as a blur and only learns what that leaves out, in a fraction of the
    steps that an AutoencoderKL of its size takes.

    Args:
        channels: of the latents, which divide the last width.
        widths: channels at half of the picture's side, a quarter, …: multiples of 4, each divides 4 times the one
            before.
        blocks: residual blocks at each of these sides, 1 or more; as many in the encoder as in the decoder.
    """
    shared: dict[str, Any] = {
        f"{half}_{name}": value
        for half in ("encoder", "decoder")
        for name, value in {
            "block_out_channels": (widths[0], *widths),
            "layers_per_block": (0, *blocks),
            "qkv_multiscales": ((),) * (len(widths) + 1),
        }.items()
    }
    network: Any = diffusers.AutoencoderDC(latent_channels=channels, **shared)  # type: ignore[no-untyped-call]
    return cast(nn.Module, network)


def as_stored(network: Any) -> PriorAutoencoder:
    """A network of diffusers with its weights rounded to half precision, which is how they are stored."""
    rounded = network.half().float().eval().requires_grad_(False)
    return _CLASSES[type(network).__name__](rounded)


def open_autoencoder(folder: Path) -> PriorAutoencoder:
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


def _kl(network: Any) -> PriorAutoencoder:
    return _diffusers(network, lambda x: network.encode(x).latent_dist.mode(), "block_out_channels")


def _tiny(network: Any) -> PriorAutoencoder:
    return _diffusers(network, lambda x: network.encode(x).latents, "block_out_channels")


def _dc(network: Any) -> PriorAutoencoder:
    return _diffusers(network, lambda x: network.encode(x).latent, "encoder_block_out_channels")


def _diffusers(network: Any, encode: Callable[[Tensor], Tensor], resolutions: str) -> PriorAutoencoder:
    """The autoencoder of a network whose pictures are in [-1, 1], as those of diffusers are.

    Args:
        network: of diffusers.
        encode: pictures to latents.
        resolutions: the entry of its configuration that lists the channels at each resolution.
    """
    facts = network.config

    def save(folder: Path, more: Mapping[str, Any]) -> None:
        network.register_to_config(**more)
        network.half().save_pretrained(folder)
        network.float()

    return PriorAutoencoder(
        network,
        lambda pictures: encode(pictures * 2 - 1),
        lambda latents: (network.decode(latents).sample + 1) / 2,
        facts["latent_channels"],
        2 ** (len(facts[resolutions]) - 1),
        save,
    )


def _taef2(place: Path) -> PriorAutoencoder:
    network = taef2.Taef2.load(place).eval().requires_grad_(False)

    def save(folder: Path, more: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (taef2.ENCODER, taef2.DECODER):
            if place.resolve() != folder.resolve():
                shutil.copy(place / name, folder / name)
        (folder / "config.json").write_text(json.dumps({"_class_name": "Taef2", **more}, indent=2) + "\n")

    return PriorAutoencoder(network, network.encode, network.decode, taef2.CHANNELS, taef2.FACTOR, save)


_CLASSES: Mapping[str, Callable[[Any], PriorAutoencoder]] = MappingProxyType(
    {"AutoencoderDC": _dc, "AutoencoderKL": _kl, "AutoencoderTiny": _tiny}
)


@dataclass(frozen=True)
class LatentStatistics:
    """Mean and deviation of an autoencoder's own latents in each channel, over the training pictures.

    The diffusion works on ``(own − mean) / deviation``, so that its latents start where its noise ends: with mean 0
    and deviation 1. (§4 of the feature-inversion paper, "v_n = (v − mean(v)) / std(v)", normalises the noise that an
    attack starts the sampler from; that is the attack's matter and not this.)

    Attributes:
        mean: C.
        deviation: C, above 0.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, own: Tensor) -> LatentStatistics:
        """The scale of an autoencoder's own latents N×C×h×w."""
        mean, deviation = own.mean(dim=(0, 2, 3)), own.std(dim=(0, 2, 3), correction=0)
        return cls(mean, deviation.clamp_min(torch.finfo(torch.float32).eps))

    @property
    def facts(self) -> Mapping[str, Any]:
        """Entries of a configuration of diffusers: a mean and a deviation for each channel, and no factor for all."""
        return {
            "latents_mean": self.mean.tolist(),
            "latents_std": self.deviation.tolist(),
            "scaling_factor": 1.0,
            "shift_factor": 0.0,
        }

    def normalised(self, own: Tensor) -> Tensor:
        """The diffusion's latents, N×C×h×w, of the autoencoder's own."""
        return (own - self.mean[:, None, None]) / self.deviation[:, None, None]

    def own(self, latents: Tensor) -> Tensor:
        """The autoencoder's own latents, N×C×h×w, of the diffusion's."""
        return latents * self.deviation[:, None, None] + self.mean[:, None, None]


def encoded(autoencoder: PriorAutoencoder, pictures: Tensor, file: Path) -> Tensor:
    """The autoencoder's own latents, N×C×h×w, of uint8 pictures N×3×H×W; from ``file`` where they are in it already."""
    facts = _key(autoencoder, pictures)
    return cached_tensors(file, facts, lambda: {"latents": autoencoder.encode(pictures).contiguous()})["latents"]


def _key(autoencoder: PriorAutoencoder, pictures: Tensor) -> dict[str, str]:
    digest = hashlib.sha256(pictures.contiguous().numpy().data)
    for name, value in autoencoder.network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().data)
    return {"key": digest.hexdigest()}
