"""The latents that the diffusion is trained on, encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from keyhole.train.cache import kept
from keyhole.train.prior.autoencoder import Autoencoder


@dataclass(frozen=True)
class Scale:
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
    def of(cls, own: Tensor) -> Scale:
        """Of an autoencoder's own latents N×C×h×w."""
        mean, deviation = own.mean(dim=(0, 2, 3)), own.std(dim=(0, 2, 3), correction=0)
        return cls(mean, deviation.clamp_min(torch.finfo(torch.float32).eps))

    @property
    def facts(self) -> Mapping[str, Any]:
        """As a configuration of diffusers says it: per channel, and no factor over all."""
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


def encoded(autoencoder: Autoencoder, pictures: Tensor, file: Path) -> Tensor:
    """The autoencoder's own latents, N×C×h×w, of uint8 pictures N×3×H×W; from ``file`` where they are in it already."""
    about = _key(autoencoder, pictures)
    return kept(file, about, lambda: {"latents": autoencoder.encode(pictures).contiguous()})["latents"]


def _key(autoencoder: Autoencoder, pictures: Tensor) -> dict[str, str]:
    digest = hashlib.sha256(pictures.contiguous().numpy().data)
    for name, value in autoencoder.network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().data)
    return {"key": digest.hexdigest()}
