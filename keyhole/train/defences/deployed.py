"""A target whose features go through a mechanism on their way to the tail, as one network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from keyhole.partition import as_features, as_tuple, split

Protect = Callable[[Tensor, torch.Generator], Tensor]
"""From the features of a live tensor, N×…, and a source of randomness to what leaves the edge."""


class Deployed(nn.Module):
    """See the module; the target is put in eval mode.

    Args:
        network: the target.
        cut: where its head ends.
        size: side of its pictures in pixels.
        protect: the mechanism.
        seed: of the mechanism's numbers, which are the same each time that it is put in eval mode.
    """

    def __init__(self, network: nn.Module, cut: str, size: int, protect: Protect, seed: int) -> None:
        super().__init__()
        self.network = network
        first = next(network.parameters())
        example = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(first.device)
        self._parts = (split(network, cut, example),)
        self._protect, self._seed = protect, seed
        self.eval()

    def train(self, mode: bool = True) -> Deployed:
        """As for any module."""
        self._generator = torch.Generator().manual_seed(self._seed)
        super().train(mode)
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised pictures N×3×size×size to what the cloud answers."""
        (parts,) = self._parts
        features = [self._protect(tensor, self._generator) for tensor in as_tuple(parts.head(inputs))]
        answers: Tensor = parts.tail(as_features(features))
        return answers
