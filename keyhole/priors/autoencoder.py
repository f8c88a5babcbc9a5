"""Autoencoders: the half of a prior between pictures and latents, loaded by the class in its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import torch
from safetensors import SafetensorError
from torch import Tensor

from keyhole.nn import taef2
from keyhole.nn.device import CPU
from keyhole.priors.folder import component
from keyhole.priors.networks import load_network, read_config
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, height_width

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LatentScale:
    """Scale between an autoencoder's own latents and those of the diffusion, whose deviation is about one.

    ``own = latent × spread + centre``, per channel.

    Attributes:
        spread: 1 or C×1×1.
        centre: 1 or C×1×1.
    """

    spread: Tensor
    centre: Tensor

    def to(self, device: torch.device) -> LatentScale:
        """The scale on a device."""
        return LatentScale(self.spread.to(device), self.centre.to(device))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """The scale in a configuration, as diffusers' pipelines of Stable Diffusion 1 to 3, SDXL and LDM read it:

        ``own = latent × latents_std / scaling_factor + latents_mean + shift_factor``; absent entries change nothing.
        """
        deviation, mean = (
            _column(config.get(key), absent) for key, absent in (("latents_std", 1), ("latents_mean", 0))
        )
        return cls(deviation / (config.get("scaling_factor") or 1.0), mean + (config.get("shift_factor") or 0.0))


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A map from pictures to latents and back.

    Attributes:
        to_latent: RGB pictures in [0, 1] to the network's own latents.
        to_picture: the network's own latents to RGB pictures.
        scale: between those and the latents of the diffusion.
        channels: of the latent.
        factor: sides of the picture over sides of the latent.
    """

    to_latent: Function
    to_picture: Function
    scale: LatentScale
    channels: int
    factor: int

    def latent_shape(self, size: Size, multiple: int = 1) -> tuple[int, int, int]:
        """Shape of the smallest latent that makes pictures of at least ``size``.

        Args:
            size: in pixels.
            multiple: that the latent's sides must be of, for a U-Net that halves it several times.
        """
        height, width = (-(-side // (self.factor * multiple)) * multiple for side in height_width(size))
        return self.channels, height, width

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents N×C×h×w of RGB pictures in [0, 1], N×3×H×W; the mode where the encoder gives a distribution."""
        return (self.to_latent(pictures) - self.scale.centre) / self.scale.spread

    def decode(self, latents: Tensor) -> Tensor:
        """RGB pictures N×3×H×W of latents N×C×h×w, differentiable; values may leave [0, 1] slightly."""
        return self.to_picture(latents * self.scale.spread + self.scale.centre)


def _column(values: Sequence[float] | None, absent: float) -> Tensor:
    return torch.tensor(float(absent)) if values is None else torch.tensor(values, dtype=torch.float32)[:, None, None]


_RGB = 3
_PROBED = 4
TAEF2_SPREAD = 0.9
"""Standard deviation of TAEF2's latents over all channels: 0.87 of photographs at 128 pixels, 0.94 of faces at 112."""


def load_autoencoder(folder: Path, *, quantise: bool = True, device: torch.device = CPU) -> Autoencoder:
    """The autoencoder in ``vae/``, in ``vqvae/`` as unconditional LDM directories call it, or in the folder itself.

    The two files of TAEF2 (`keyhole.nn.taef2`) need no ``config.json``; one that is there may scale the latents as
    diffusers' do.

    Args:
        folder: of the prior.
        quantise: a VQModel decodes the nearest codes, as LDM does, and the gradient passes them straight. False: it
            decodes the latent itself.
        device: where it computes.

    Raises:
        UsageError: none there, of a class that is not known, one whose pictures are not RGB, or one that does not run.
    """
    place = folder if (folder / taef2.DECODER).exists() else component(folder, "vae", "vqvae", kinds=AUTOENCODERS)
    if (place / taef2.DECODER).exists():
        return _taef2(place, device)
    facts = read_config(place / "config.json")
    kind = str(facts.get("_class_name"))
    if kind not in AUTOENCODERS:
        raise UsageError(f"prior: {place} is of class {kind}: expected one of {', '.join(AUTOENCODERS)}, or TAEF2")
    for side in ("in_channels", "out_channels"):
        if facts.get(side, _RGB) != _RGB:
            raise UsageError(f"prior: {place} has pictures of {facts[side]} channels ({side}): expected RGB")
    return AUTOENCODERS[kind](place, quantise, device)


@torch.no_grad()
def check_autoencoder(autoencoder: Autoencoder, place: object) -> None:
    """Refuse an autoencoder that does not give a small latent back from its picture: no configuration promises it.

    Args:
        autoencoder: whole.
        place: that it comes from, for messages.

    Raises:
        UsageError: it does not run, or its shapes are others than it says.
    """
    shape = (1, *autoencoder.latent_shape(_PROBED * autoencoder.factor))
    picture = (1, _RGB, *(autoencoder.factor * side for side in shape[2:]))
    try:
        decoded = autoencoder.decode(torch.zeros(shape, device=autoencoder.scale.spread.device))
        found = [tuple(made.shape) for made in (decoded, autoencoder.encode(decoded))]
    except (RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"prior: the autoencoder in {place} does not run: {error}") from error
    if found != [picture, shape]:
        raise UsageError(f"prior: {place} makes of latents {shape} and of their pictures {found}: expected {picture}")


def _kl(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderKL")
    return _diffusers(
        place, network, device, lambda x: network.encode(x).latent_dist.mode(), lambda z: network.decode(z).sample
    )


def _dc(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderDC")
    return _diffusers(
        place,
        network,
        device,
        lambda x: network.encode(x).latent,
        lambda z: network.decode(z).sample,
        resolutions="encoder_block_out_channels",
    )


def _vq(place: Path, quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "VQModel")
    return _diffusers(
        place,
        network,
        device,
        lambda x: network.encode(x).latents,
        lambda z: network.decode(z, force_not_quantize=not quantise).sample,
    )


def _tiny(place: Path, _quantise: bool, device: torch.device) -> Autoencoder:
    network: Any = load_network(place, "AutoencoderTiny")
    return _diffusers(place, network, device, lambda x: network.encode(x).latents, lambda z: network.decode(z).sample)


def _taef2(place: Path, device: torch.device) -> Autoencoder:
    try:
        network = taef2.Taef2.load(place).eval().requires_grad_(False).to(device)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"prior: {place} does not hold TAEF2: {error}") from error
    given = read_config(place / "config.json") if (place / "config.json").exists() else {}
    scale = LatentScale.of({"scaling_factor": 1 / TAEF2_SPREAD, **given}).to(device)
    return Autoencoder(network.encode, network.decode, scale, taef2.CHANNELS, taef2.FACTOR)


def _diffusers(
    place: Path,
    network: Any,
    device: torch.device,
    encode: Function,
    decode: Function,
    *,
    resolutions: str = "block_out_channels",
) -> Autoencoder:
    """The autoencoder of a network whose pictures are in [-1, 1], as those of diffusers are.

    Args:
        place: its folder.
        network: of diffusers.
        device: where it goes.
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
    scale = LatentScale.of(facts)
    autoencoder = Autoencoder(to_latent, to_picture, scale, facts["latent_channels"], factor)
    check_autoencoder(autoencoder, place)
    network.to(device)
    return replace(autoencoder, scale=scale.to(device))


AUTOENCODERS: Mapping[str, Callable[[Path, bool, torch.device], Autoencoder]] = MappingProxyType(
    {"AutoencoderKL": _kl, "AutoencoderDC": _dc, "VQModel": _vq, "AutoencoderTiny": _tiny}
)
"""Loader of a folder by class; the flag is whether a VQModel quantises, the device where it computes."""
