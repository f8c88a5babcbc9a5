"""Random numbers of mean 0 and variance 1, by the name of their distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

Numbers = Callable[[Tensor, torch.Generator], Tensor]
"""In the shape of a tensor, on the generator's device."""


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(like.shape, generator=generator)


def laplacian(like: Tensor, generator: torch.Generator) -> Tensor:
    """The difference of two exponential numbers is Laplacian with variance 2."""
    one, other = (torch.empty(like.shape).exponential_(generator=generator) for _ in range(2))
    return (one - other).mul(0.5**0.5)


NUMBERS: Mapping[str, Numbers] = MappingProxyType({"gaussian": normal, "laplace": laplacian})
