"""Figures of a prior's card, and the sheet of its pictures, ``samples.jpg``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.utils import save_image

from keyhole.metrics.interval import mean_interval
from keyhole.metrics.similarity import psnr, ssim
from keyhole.train.prior.autoencoder import LatentStatistics, PriorAutoencoder
from keyhole.train.prior.diffusion import denoising_loss, sample
from keyhole.train.prior.reconstruction import Reconstructor

COLUMNS = 8
SHEET = "samples.jpg"
_GAP = 2
_SSIM_SIDE = 11


def ceiling(autoencoder: PriorAutoencoder, own: Tensor, pictures: Tensor) -> dict[str, float]:
    """Quality of pictures that went through the autoencoder: about the best that an attack by its decoder can reach.

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
    """`denoising_loss` of audit latents, and of as many training latents; their difference is overfitting.

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


def reconstruction_sheet(pictures: Tensor, out: Path) -> Callable[[nn.Module], str]:
    """A function that looks at an autoencoder in training: it draws the first pictures above their reconstructions.

    Args:
        pictures: uint8 N×3×H×W that are not trained on.
        out: folder for the sheet.

    Returns:
        A function that leaves the sheet and says the PSNR.
    """
    shown = pictures[:COLUMNS] / 255

    @torch.no_grad()
    def look(module: nn.Module) -> str:
        module.eval()
        network, device = cast(Reconstructor, module).network, next(module.parameters()).device
        latents = network.encode(shown.to(device) * 2 - 1).latent
        decoded = ((network.decode(latents).sample + 1) / 2).float().clamp(0, 1).cpu()
        write_sheet(out, shown, decoded)
        return f"PSNR {float(psnr(decoded, shown).mean()):.1f} dB on {len(shown)} audit pictures"

    return look


def sample_sheet(
    autoencoder: PriorAutoencoder, scale: LatentStatistics, pictures: Tensor, latents: Tensor, seed: int, out: Path
) -> Callable[[nn.Module], str]:
    """A function that looks at a U-Net in training: it draws pictures, their reconstructions and two rows of samples.

    Args:
        autoencoder: finished.
        scale: of its latents.
        pictures: uint8 N×3×H×W that are not trained on.
        latents: of these, normalised.
        seed: of the samples' noise, the same every time.
        out: folder for the sheet.

    Returns:
        A function that leaves the sheet and says the loss.
    """
    shown = pictures[:COLUMNS] / 255
    decoded = autoencoder.decode(scale.own(latents[:COLUMNS]))
    shape = (2 * COLUMNS, *latents.shape[1:])

    def look(network: nn.Module) -> str:
        made = autoencoder.decode(scale.own(sample(network, shape, seed)))
        write_sheet(out, shown, decoded, made)
        return f"{denoising_loss(network, latents, seed):.4f} without weights on {len(latents)} audit latents"

    return look


def write_sheet(out: Path, *rows: Tensor) -> None:
    """Write pictures in rows of `COLUMNS`. Each argument, N×3×H×W in [0, 1], starts a row; white fills its last one."""
    filled = [
        torch.cat([part, torch.ones(-len(part) % COLUMNS, *part.shape[1:])]) if len(part) % COLUMNS else part
        for part in rows
    ]
    save_image(torch.cat(filled), out / SHEET, nrow=COLUMNS, padding=_GAP, pad_value=1.0)
