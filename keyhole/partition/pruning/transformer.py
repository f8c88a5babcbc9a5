"""Attention heads and hidden units of timm's transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch_pruning
from torch import nn

from keyhole.partition.pruning.structures import Point, Structures

_ATTENTION = frozenset({"timm.layers.attention.Attention", "timm.models.vision_transformer.Attention"})
_MLP = "timm.layers.mlp.Mlp"


def find_heads(network: nn.Module, before: Callable[[str], bool]) -> list[Structures]:
    """The heads of timm's attentions that run before a cut.

    A mask acts on what the heads yield, before it is projected. Attentions that normalise or gate that are left whole.
    """
    found = []
    for path, module in network.named_modules():
        attention: Any = module
        if _kind(module) not in _ATTENTION or not before(path):
            continue
        if isinstance(attention.norm, nn.Identity) and getattr(attention, "gate", None) is None:
            point = Point(f"{path}.proj", "input", attention.head_dim)
            found.append(Structures("heads", path, attention.num_heads, (point,)))
    return found


def find_hidden_units(network: nn.Module, before: Callable[[str], bool]) -> list[Structures]:
    """The hidden units of timm's two-layer perceptrons that run before a cut.

    A mask acts after the activation. Perceptrons that normalise what is hidden are left whole.
    """
    found = []
    for path, module in network.named_modules():
        mlp: Any = module
        if _kind(module) != _MLP or not before(path) or not isinstance(mlp.norm, nn.Identity):
            continue
        if isinstance(mlp.fc1, nn.Linear):
            found.append(Structures("hidden units", path, mlp.fc1.out_features, (Point(f"{path}.fc2", "input"),)))
    return found


def remove_heads(network: nn.Module, path: str, indices: Sequence[int]) -> None:
    """Take heads, not all of them, out of the attention at ``path``."""
    attention: Any = network.get_submodule(path)
    width, heads = attention.head_dim, attention.num_heads
    numbers = [index * width + place for index in indices for place in range(width)]
    inner = [part * heads * width + number for part in range(3) for number in numbers]
    torch_pruning.prune_linear_out_channels(attention.qkv, inner)
    torch_pruning.prune_linear_in_channels(attention.proj, numbers)
    attention.num_heads = heads - len(indices)
    attention.attn_dim = attention.num_heads * width


def remove_hidden_units(network: nn.Module, path: str, indices: Sequence[int]) -> None:
    """Take hidden units, not all of them, out of the perceptron at ``path``."""
    mlp: Any = network.get_submodule(path)
    torch_pruning.prune_linear_out_channels(mlp.fc1, list(indices))
    torch_pruning.prune_linear_in_channels(mlp.fc2, list(indices))


def _kind(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
