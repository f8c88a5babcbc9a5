"""A picture of what a prior can do: ``samples.jpg``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.utils import save_image

from keyhole.metrics.similarity import psnr
from keyhole.train.prior.autoencoder import Autoencoder
from keyhole.train.prior.diffusion import denoising_loss, sample
from keyhole.train.prior.latents import Scale
from keyhole.train.prior.reconstruction import Reconstructor

COLUMNS = 8
SHEET = "samples.jpg"
_GAP = 2


def reconstruction_sheet(pictures: Tensor, out: Path) -> Callable[[nn.Module], str]:
    """What looks at an autoencoder in training: draws the first pictures above their reconstructions.

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
    autoencoder: Autoencoder, scale: Scale, pictures: Tensor, latents: Tensor, seed: int, out: Path
) -> Callable[[nn.Module], str]:
    """What looks at a U-Net in training: draws pictures, their reconstructions and two rows of samples.

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
    """Pictures in rows of `COLUMNS`; each argument, N×3×H×W in [0, 1], starts a new row and fills it with white."""
    filled = [
        torch.cat([part, torch.ones(-len(part) % COLUMNS, *part.shape[1:])]) if len(part) % COLUMNS else part
        for part in rows
    ]
    save_image(torch.cat(filled), out / SHEET, nrow=COLUMNS, padding=_GAP, pad_value=1.0)
