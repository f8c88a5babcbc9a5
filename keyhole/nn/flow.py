"""Normalising flows, many at once, each with weights of its own: additive couplings with a scale and shift each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AdditiveFlows:
    """f: e to z, one-to-one. Each layer scales and shifts the numbers (the actnorm of Kingma and Dhariwal 2018), turns
    their order round, and adds to the second half what a network of one hidden layer makes of the first (NICE, Dinh et
    al. 2015).

    Attributes:
        numbers: of e and z, 2 or more.
        layers: one after the other.
        hidden: numbers in the middle of each network.
    """

    numbers: int
    layers: int
    hidden: int

    @property
    def weights(self) -> int:
        """P, weights of one flow."""
        return self.layers * sum(rows * columns for rows, columns in self._shapes)

    @property
    def _shapes(self) -> tuple[tuple[int, int], ...]:
        """Of a layer: log scales, shifts, and the network's two matrices with their biases."""
        first = self.numbers // 2
        second = self.numbers - first
        return (
            (1, self.numbers),
            (1, self.numbers),
            (self.hidden, first),
            (1, self.hidden),
            (second, self.hidden),
            (1, second),
        )

    def start(self, seed: int) -> Tensor:
        """Weights of a flow that does nothing but turn the order of the numbers, P."""
        random = torch.Generator().manual_seed(seed)
        parts = []
        for _ in range(self.layers):
            for at, (rows, columns) in enumerate(self._shapes):
                drawn = torch.randn(rows * columns, generator=random) / math.sqrt(columns)
                parts.append(drawn if at == _INWARD else torch.zeros(rows * columns))
        return torch.cat(parts)

    def __call__(self, weights: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """z, N×numbers, of e, and log |det f'(e)|, N.

        Args:
            weights: N×P, of each flow.
            drawn: e, N×numbers.
        """
        z, grown, at = drawn, drawn.new_zeros(len(drawn)), 0
        for _ in range(self.layers):
            layer = []
            for rows, columns in self._shapes:
                layer.append(weights[:, at : at + rows * columns].reshape(-1, rows, columns))
                at += rows * columns
            scales, shifts, inward, inner, outward, outer = layer
            z = (z * scales.squeeze(1).exp() + shifts.squeeze(1)).flip(-1)
            grown = grown + scales.sum(dim=(1, 2))
            first, second = z[:, : inward.shape[2]], z[:, inward.shape[2] :]
            middle = torch.relu((inward @ first[:, :, None]).squeeze(2) + inner.squeeze(1))
            z = torch.cat([first, second + (outward @ middle[:, :, None]).squeeze(2) + outer.squeeze(1)], dim=1)
        return z, grown


_INWARD = 2
