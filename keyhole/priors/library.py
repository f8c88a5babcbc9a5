"""diffusers, which takes long to import and which most attacks do without."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

import torch
from torch import nn

from keyhole.priors.folder import config
from keyhole.priors.stored import stored
from keyhole.service.errors import UsageError


@cache
def diffusers() -> ModuleType:
    """The library, imported on first use. It does not warn of statistics of latents in configurations of networks that
    take none: priors have them there."""
    import diffusers as library  # noqa: PLC0415

    logging.getLogger("diffusers.configuration_utils").setLevel(logging.ERROR)
    return library


def load_network(folder: Path, kind: str) -> nn.Module:
    """A network of diffusers, in single precision, frozen.

    Args:
        folder: with ``config.json`` and the weights.
        kind: its class.

    Raises:
        UsageError: no weights (see `stored`), those of another network, quantised ones, or numbers that are not finite.
    """
    if "quantization_config" in config(folder / "config.json"):
        raise UsageError(f"prior: the weights in {folder} are quantised: expected floating point")
    weights = stored(folder)
    try:
        network, report = getattr(diffusers(), kind).from_pretrained(
            str(folder),
            torch_dtype=torch.float32,
            local_files_only=True,
            variant=weights.variant or None,
            use_safetensors=weights.form == "safetensors",
            output_loading_info=True,
            low_cpu_mem_usage=False,  # would leave modules that other threads build meanwhile without memory
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"prior: {folder} holds no weights of {kind} that can be read: {error}") from error
    if missing := list(report["missing_keys"]):
        raise UsageError(
            f"prior: the weights in {folder} lack {len(missing)} tensors of {kind}, among them {missing[0]}"
        )
    network = cast(nn.Module, network).float().eval().requires_grad_(False)
    if lost := [name for name, tensor in network.state_dict().items() if not tensor.isfinite().all()]:
        raise UsageError(f"prior: {lost[0]} in {folder} holds numbers that are not finite")
    return network
