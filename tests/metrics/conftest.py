from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture
def photographs() -> Callable[..., Tensor]:
    """Smooth random pictures, N×3×H×W."""

    def make(count: int, size: int, seed: int = 0) -> Tensor:
        coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)

    return make


@pytest.fixture
def degraded() -> Callable[[Tensor, float], Tensor]:
    """Pictures with Gaussian noise of a standard deviation, the same noise at every strength."""

    def spoil(pictures: Tensor, strength: float) -> Tensor:
        noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(1))
        return (pictures + strength * noise).clamp(0, 1)

    return spoil
