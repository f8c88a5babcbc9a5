"""The figures of a prior's card."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from keyhole.metrics.interval import mean_interval
from keyhole.metrics.similarity import psnr, ssim
from keyhole.train.prior.autoencoder import Autoencoder
from keyhole.train.prior.diffusion import denoising_loss

_SSIM_SIDE = 11


def ceiling(autoencoder: Autoencoder, own: Tensor, pictures: Tensor) -> dict[str, float]:
    """How well pictures survive the autoencoder: about the best that an attack which decodes through it can do.

    Not a strict bound: a latent other than the encoder's may decode to a picture that is slightly nearer.

    Args:
        autoencoder: as stored.
        own: the autoencoder's own latents of the pictures.
        pictures: uint8 N×3×H×W, never trained on.

    Returns:
        ``psnr`` in dB and, from 11 pixels a side, ``ssim``: means, each with the ends of its 95 % interval,
        ``…_low`` and ``…_high``, where there are pictures enough for one.
    """
    decoded, truth = autoencoder.decode(own), pictures / 255
    metrics = {"psnr": psnr, "ssim": ssim} if truth.shape[-1] >= _SSIM_SIDE else {"psnr": psnr}
    figures: dict[str, float] = {"audit_pictures": len(pictures)}
    for name, metric in metrics.items():
        values = torch.cat(
            [metric(*pair) for pair in zip(torch.split(decoded, 32), torch.split(truth, 32), strict=True)]
        ).double()
        figures[name] = float(values.mean())
        if interval := mean_interval(values.tolist()):
            figures |= dict(zip((f"{name}_low", f"{name}_high"), interval, strict=True))
    return figures


def denoising(network: nn.Module, public: Tensor, audit: Tensor, seed: int) -> dict[str, float]:
    """`denoising_loss` of audit latents, and of as many that were trained on: what lies between them is overfitting.

    Args:
        network: as stored.
        public: normalised latents N×C×h×w of training pictures.
        audit: of audit pictures.
        seed: of noise and timesteps.
    """
    return {
        "denoising_loss": denoising_loss(network, audit, seed),
        "denoising_loss_public": denoising_loss(network, public[: len(audit)], seed),
    }
