"""Structures of known architectures: transformers of timm, and ResNets of torchvision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch_pruning
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from keyhole.partition.pruning.structures import MaskPoint, Structures

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
            point = MaskPoint(f"{path}.proj", "input", attention.head_dim)
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
            found.append(Structures("hidden units", path, mlp.fc1.out_features, (MaskPoint(f"{path}.fc2", "input"),)))
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


class Shortcut(nn.Module):
    """A residual block without its mapping.

    Args:
        downsample: the block's shortcut; None where it is the identity.
    """

    def __init__(self, downsample: nn.Module | None) -> None:
        super().__init__()
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """N×C×H×W to what the block yields where its mapping yields nothing."""
        return torch.relu(features if self.downsample is None else self.downsample(features))


class Straight(nn.Module):
    """A residual block without its skip connection; its layers keep their names.

    Args:
        block: of torchvision; its layers are taken over.
    """

    def __init__(self, block: BasicBlock | Bottleneck) -> None:
        super().__init__()
        for name, layer in block.named_children():
            if name != "downsample":
                self.add_module(name, layer)
        self._depth = sum(name.startswith("conv") for name, _ in block.named_children())

    def forward(self, features: Tensor) -> Tensor:
        """N×C×H×W to what the block yields where its skip connection yields nothing."""
        for number in range(1, self._depth + 1):
            convolution, norm = self.get_submodule(f"conv{number}"), self.get_submodule(f"bn{number}")
            features = self.get_submodule("relu")(norm(convolution(features)))
        return features


def find_connections(network: nn.Module, before: Callable[[str], bool]) -> list[str]:
    """Paths of the residual blocks of a torchvision ResNet that run before a cut, in order."""
    return [
        path for path, module in network.named_modules() if isinstance(module, BasicBlock | Bottleneck) and before(path)
    ]


def find_mappings(network: nn.Module, before: Callable[[str], bool]) -> list[Structures]:
    """The residual mapping of each block of a torchvision ResNet that runs before a cut; a mask acts at its end."""
    found = []
    for path, module in network.named_modules():
        if not before(path):
            continue
        if isinstance(module, BasicBlock):
            found.append(_mapping(path, "bn2", module.bn2))
        elif isinstance(module, Bottleneck):
            found.append(_mapping(path, "bn3", module.bn3))
    return found


def remove_mapping(network: nn.Module, path: str) -> None:
    """Replace the block at ``path`` by its shortcut."""
    block: Any = network.get_submodule(path)
    network.set_submodule(path, Shortcut(block.downsample))


def remove_connection(network: nn.Module, path: str) -> None:
    """Replace the block at ``path`` by its mapping."""
    block: Any = network.get_submodule(path)
    network.set_submodule(path, Straight(block))


def _mapping(path: str, last: str, norm: Any) -> Structures:
    return Structures("mapping", path, 1, (MaskPoint(f"{path}.{last}", "output", norm.num_features),))
