"""The half of a prior between pictures and latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from keyhole.sizes import Size, height_width

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LatentScale:
    """How the autoencoder's own latents relate to those that the diffusion works on, which spread by about one.

    ``own = latent × spread + centre``, per channel.

    Attributes:
        spread: 1 or C×1×1.
        centre: 1 or C×1×1.
    """

    spread: Tensor
    centre: Tensor

    def to(self, device: torch.device) -> LatentScale:
        """The same on a device."""
        return LatentScale(self.spread.to(device), self.centre.to(device))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From a configuration of diffusers, as its pipelines of Stable Diffusion 1 to 3, SDXL and LDM read it:

        ``own = latent × latents_std / scaling_factor + latents_mean + shift_factor``; what is absent changes nothing.
        """
        deviation, mean = (
            _column(config.get(key), absent) for key, absent in (("latents_std", 1), ("latents_mean", 0))
        )
        return cls(deviation / (config.get("scaling_factor") or 1.0), mean + (config.get("shift_factor") or 0.0))


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """Pictures to latents and back, whatever the network.

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
        """Latents N×C×h×w of RGB pictures in [0, 1], N×3×H×W; of a distribution its mode."""
        return (self.to_latent(pictures) - self.scale.centre) / self.scale.spread

    def decode(self, latents: Tensor) -> Tensor:
        """RGB pictures N×3×H×W of latents N×C×h×w, differentiable; values may leave [0, 1] slightly."""
        return self.to_picture(latents * self.scale.spread + self.scale.centre)


def _column(values: Sequence[float] | None, absent: float) -> Tensor:
    return torch.tensor(float(absent)) if values is None else torch.tensor(values, dtype=torch.float32)[:, None, None]
