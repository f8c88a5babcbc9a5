"""A network's architecture without its weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

_SPREAD = 0.02


def untrained_copy(network: nn.Module, seed: int) -> nn.Module:
    """The same architecture with fresh weights and statistics, to be trained; the network is left as it is.

    Layers draw their weights as torch does when it makes them; parameters that are no layer's of torch (tokens,
    positions, scales) are normal with deviation 0.02.

    Args:
        network: of which the architecture is taken.
        seed: of the weights.
    """
    made = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for parameter in made.parameters():
            parameter.normal_(std=_SPREAD)
        for layer in made.modules():
            for name in ("reset_parameters", "_reset_parameters"):
                reset = getattr(layer, name, None)
                if callable(reset):
                    reset()
    return made.requires_grad_(True)
