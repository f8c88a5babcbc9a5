"""A prior's directory, as diffusers lays one out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
from torch import nn

from keyhole.train.prior.diffusion import new_scheduler


def save_diffusion(network: Any, folder: Path) -> nn.Module:
    """Write ``unet/`` in half precision, ``scheduler/`` and ``model_index.json`` beside a ``vae/`` that is there.

    The index lists the parts under the base class of pipelines, which does not load them at once: no unconditional
    pipeline of diffusers (LDMPipeline) reads per-channel statistics of latents, so none would sample rightly.

    Returns:
        The network with its weights rounded as they are stored, in evaluation mode, on the processor.
    """
    stored: nn.Module = network.cpu().half()
    network.save_pretrained(folder / "unet")
    new_scheduler().save_pretrained(folder / "scheduler")
    kind = json.loads((folder / "vae" / "config.json").read_text())["_class_name"]
    index = {
        "_class_name": "DiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "vae": ["diffusers", kind],
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    return stored.float().eval()
