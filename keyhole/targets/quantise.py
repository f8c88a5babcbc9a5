"""Weights stored as int8 with one scale per output channel."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

_SCALE = ".int8_scale"


def quantise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Store every floating-point matrix or convolution as int8 with a scale per output channel, the rest as fp32."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point() or value.dim() < 2:
            stored[name] = value.contiguous()
            continue
        rows = value.detach().float().flatten(1)
        scale = (rows.abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        levels = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
        stored[name] = levels.view(value.shape).contiguous()
        stored[name + _SCALE] = scale
    return stored


def dequantise(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of `quantise`; a state dict without scales passes unchanged."""
    state: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(_SCALE):
            continue
        scale = stored.get(name + _SCALE)
        if scale is None:
            state[name] = value
        else:
            state[name] = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
    return state


def save_quantised(state: dict[str, Tensor], path: Path) -> None:
    """Write ``state`` to ``path`` as int8 safetensors."""
    save_file(quantise(state), str(path))


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read safetensors (plain or int8) into a state dict."""
    return dequantise(load_file(str(path)))
