"""Priors of random weights, small enough to run in a moment, in the layout and classes of real ones."""

from __future__ import annotations

from pathlib import Path

import diffusers
import torch
from safetensors.torch import save_file

from keyhole.nn import taef2

GROUPS = {"norm_num_groups": 4}


def stable(folder: Path, **schedule) -> Path:
    """As Stable Diffusion: AutoencoderKL, a U-Net that takes text, a scheduler that is not DDIM."""
    torch.manual_seed(0)
    diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        scaling_factor=0.4,
        shift_factor=0.1,
        **GROUPS,
    ).save_pretrained(folder / "vae")
    diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        **GROUPS,
    ).save_pretrained(folder / "unet")
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    diffusers.PNDMScheduler(**betas, steps_offset=1, **schedule).save_pretrained(folder / "scheduler")
    return folder


def unconditional(folder: Path) -> Path:
    """As an LDM without text: VQModel in ``vqvae/``, UNet2DModel, DDIM."""
    torch.manual_seed(0)
    diffusers.VQModel(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        num_vq_embeddings=16,
        scaling_factor=0.5,
        **GROUPS,
    ).save_pretrained(folder / "vqvae")
    unet(3).save_pretrained(folder / "unet")
    diffusers.DDIMScheduler(clip_sample=False).save_pretrained(folder / "scheduler")
    return folder


def tiny(folder: Path, channels: int = 4) -> Path:
    """With AutoencoderTiny, UNet2DModel and DDPM."""
    torch.manual_seed(0)
    diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    ).save_pretrained(folder / "vae")
    unet(channels).save_pretrained(folder / "unet")
    diffusers.DDPMScheduler(clip_sample=False, prediction_type="v_prediction").save_pretrained(folder / "scheduler")
    return folder


def compressed(folder: Path) -> Path:
    """AutoencoderDC alone, of convolutions, with statistics of its latents."""
    torch.manual_seed(0)
    halves = {"block_out_channels": (8, 8, 8), "layers_per_block": (0, 1, 1), "qkv_multiscales": ((),) * 3}
    network = diffusers.AutoencoderDC(
        latent_channels=2,
        **{f"{half}_{name}": value for half in ("encoder", "decoder") for name, value in halves.items()},
    )
    network.register_to_config(latents_mean=[1.0, -1.0], latents_std=[2.0, 0.5])
    network.save_pretrained(folder / "vae")
    return folder


def flux(folder: Path) -> Path:
    """TAEF2 alone."""
    torch.manual_seed(0)
    network = taef2.Taef2()
    (folder / "vae").mkdir(parents=True)
    for half, name in ((network.encoder, taef2.ENCODER), (network.decoder, taef2.DECODER)):
        save_file({key: value.half().contiguous() for key, value in half.state_dict().items()}, folder / "vae" / name)
    return folder


def unet(channels: int, **more) -> diffusers.UNet2DModel:
    return diffusers.UNet2DModel(
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        **GROUPS,
        **more,
    )
