"""Channels of convolutions, removed together with all that depends on them (torch-pruning's groups)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch_pruning.ops import _ElementWiseOp, _ReshapeOp

from keyhole.partition.pruning.structures import MaskPoint, Structures

_PLAIN = (_ElementWiseOp, _ReshapeOp)
"""torch-pruning's operations that keep the channels' order."""


def dependencies(network: nn.Module, example: Tensor) -> Any:
    """torch-pruning's graph of the layers whose channels depend on each other; ``network`` is put in eval mode.

    Args:
        network: any module of one picture input.
        example: one picture, 1×C×H×W.
    """
    network.eval()
    trained = {parameter: parameter.requires_grad for parameter in network.parameters()}
    try:
        network.requires_grad_(True)
        with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Unwrapped parameters detected")  # of transformers, which are left whole
            return torch_pruning.DependencyGraph().build_dependency(network, example.clone())
    finally:
        for parameter, learns in trained.items():
            parameter.requires_grad_(learns)


def find_channels(network: nn.Module, example: Tensor, before: Callable[[str], bool]) -> list[Structures]:
    """The channels of the convolutions that run before a cut.

    Convolutions whose outputs are added up, as in a residual network, share their channels: a channel can only leave
    all of them. So what crosses at the end of a block is pruned as well, together with the inputs of the layers after
    the cut, and the convolutions after a cut inside such a group. A BNNeck (batch norm in the classifier's place) that
    such a group reaches loses the channel too: the embedding becomes shorter.

    A mask acts after the batch norm, or after the convolution where none follows: with the mask before it, a batch
    norm would turn the zeros of a channel into its bias. Groups with other layers than convolutions (without groups of
    their own) and batch norms, such as a transformer's stream of tokens, are left whole, and so are concatenations.

    Args:
        network: any module of one picture input.
        example: one picture, 1×C×H×W.
        before: whether the module at a path runs before the cut.
    """
    graph = dependencies(network, example)
    paths = {module: path for path, module in network.named_modules()}
    found = []
    for group in graph.get_all_groups(root_module_types=[nn.Conv2d]):
        makers = [item.dep.target for item in group if graph.is_out_channel_pruning_fn(item.dep.handler)]
        layers = [node for node in makers if not isinstance(node.module, _PLAIN)]
        count = len(group[0].idxs)
        convolutions = [node for node in layers if isinstance(node.module, nn.Conv2d)]
        if not _separable(layers, count) or not any(before(paths[node.module]) for node in convolutions):
            continue
        scaled = [node for node in layers if not _is_normalised(node)]
        points = tuple(sorted({paths[node.module] for node in scaled}))
        path = min((paths[node.module] for node in convolutions), key=list(paths.values()).index)
        found.append(Structures("channels", path, count, tuple(MaskPoint(point, "output") for point in points)))
    return sorted(found, key=lambda each: list(paths.values()).index(each.path))


def remove_channels(graph: Any, network: nn.Module, path: str, indices: Sequence[int]) -> None:
    """Take channels out of a convolution and of all that depends on them.

    Args:
        graph: `dependencies` of the network.
        network: is changed.
        path: of the convolution.
        indices: of its channels, not all of them.
    """
    layer = network.get_submodule(path)
    graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, list(indices)).prune()


def _separable(layers: Sequence[Any], count: int) -> bool:
    """Whether each of the group's layers makes one number of each channel, and none of others."""
    return all(
        (isinstance(node.module, nn.Conv2d) and node.module.groups == 1 and node.module.out_channels == count)
        or (isinstance(node.module, _BatchNorm) and node.module.affine and node.module.num_features == count)
        for node in layers
    )


def _is_normalised(node: Any) -> bool:
    """Whether a convolution's output goes to batch norms alone."""
    return (
        isinstance(node.module, nn.Conv2d)
        and bool(node.outputs)
        and all(isinstance(following.module, _BatchNorm) for following in node.outputs)
    )
