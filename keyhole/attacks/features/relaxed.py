"""Relaxed gradients of a head: ReLU and max pooling that pass a gradient to every input.

A ReLU passes no gradient to what it cuts off, and max pooling passes all of it to the winner of each window. Far from
the truth those are the wrong inputs most of the time, and what is cut off or never wins never moves. The forward pass
stays what it is here. On the way back a share of the gradient goes to the other inputs too, and that share falls to
zero as the optimisation cools down.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.partition import Features, as_tuple


class Relaxed(nn.Module):
    """Stands in for a layer without parameters.

    Attributes:
        amount: how much of the relaxation is in force, 0 (none: the layer itself) … 1.
    """

    amount = 0.0


class RelaxedReLU(Relaxed):
    """ReLU with the gradient of a leaky one, of slope 0.3 at most.

    Args:
        layer: that it stands in for.
    """

    def __init__(self, layer: nn.Module) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        exact = F.relu(x)
        if not self.amount or not x.requires_grad:
            return exact
        return _with_gradient_of(exact, F.leaky_relu(x, 0.3 * self.amount))


class RelaxedMaxPool(Relaxed):
    """Max pooling with a gradient between its own and that of mean pooling.

    Args:
        layer: that it stands in for; without dilation and indices.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to what the layer makes of it."""
        exact: Tensor = self._layer(x)
        if not self.amount or not x.requires_grad:
            return exact
        layer = self._layer
        mean = F.avg_pool2d(x, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, count_include_pad=False)
        return _with_gradient_of(exact, torch.lerp(exact, mean, self.amount))


RELAXATIONS: Mapping[type[nn.Module], Callable[[nn.Module], Relaxed]] = MappingProxyType(
    {nn.ReLU: RelaxedReLU, nn.MaxPool2d: RelaxedMaxPool}
)
"""Stand-in by the type of the layer. Functions in a head (``torch.relu``) stay as they are."""


class RelaxedHead:
    """A copy of a head with a stand-in for every layer that `RELAXATIONS` knows.

    Args:
        head: N×3×H×W to features. Left as it is.
    """

    def __init__(self, head: nn.Module) -> None:
        self._head = copy.deepcopy(head).requires_grad_(False)
        self._relaxed: list[Relaxed] = []
        for path, layer in list(self._head.named_modules(remove_duplicate=False)):
            if path and type(layer) in RELAXATIONS and not _special(layer):
                relaxed = RELAXATIONS[type(layer)](layer)
                self._head.set_submodule(path, relaxed)
                self._relaxed.append(relaxed)

    def relax(self, amount: float) -> None:
        """Put so much of the relaxation in force; 0 is the head itself."""
        for layer in self._relaxed:
            layer.amount = amount

    def __call__(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The live tensors of the cut."""
        features: Features = self._head(inputs.contiguous(memory_format=torch.channels_last))
        return as_tuple(features)


def _special(layer: nn.Module) -> bool:
    return isinstance(layer, nn.MaxPool2d) and (layer.dilation not in (1, (1, 1)) or layer.return_indices)


def _with_gradient_of(value: Tensor, other: Tensor) -> Tensor:
    """``value`` up to rounding, differentiated as ``other``."""
    return other + (value - other).detach()
