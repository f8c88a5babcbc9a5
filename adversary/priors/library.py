"""diffusers, which takes long to import and which most attacks do without."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

import torch
from torch import nn

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
        UsageError: no weights, or those of another network.
    """
    try:
        network, report = getattr(diffusers(), kind).from_pretrained(
            str(folder),
            torch_dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
            low_cpu_mem_usage=False,  # would leave modules that other threads build meanwhile without memory
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"prior: {folder} holds no weights of {kind} that can be read: {error}") from error
    if missing := list(report["missing_keys"]):
        raise UsageError(
            f"prior: the weights in {folder} lack {len(missing)} tensors of {kind}, among them {missing[0]}"
        )
    return cast(nn.Module, network).eval().requires_grad_(False)
