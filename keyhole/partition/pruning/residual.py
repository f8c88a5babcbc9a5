"""The residual mappings of torchvision's ResNets, and the skip connections around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from keyhole.partition.pruning.structures import Point, Structures


class Shortcut(nn.Module):
    """What is left of a residual block without its mapping.

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
    """What is left of a residual block without its skip connection: its layers keep their names.

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
    """Leave the shortcut alone of the block at ``path``."""
    block: Any = network.get_submodule(path)
    network.set_submodule(path, Shortcut(block.downsample))


def remove_connection(network: nn.Module, path: str) -> None:
    """Leave the mapping alone of the block at ``path``."""
    block: Any = network.get_submodule(path)
    network.set_submodule(path, Straight(block))


def _mapping(path: str, last: str, norm: Any) -> Structures:
    return Structures("mapping", path, 1, (Point(f"{path}.{last}", "output", norm.num_features),))
