from collections.abc import Callable, Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import torchvision
from torch import Tensor, nn

from keyhole.metrics import distribution, perceptual


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


@pytest.fixture
def backbone(monkeypatch, tmp_path) -> Iterator[nn.Sequential]:
    """AlexNet's layers with random weights in place of those that are not shipped."""
    torch.manual_seed(0)
    layers: nn.Sequential = torchvision.models.AlexNet().features.requires_grad_(False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    perceptual.ALEXNET.path.parent.mkdir(parents=True)
    perceptual.ALEXNET.path.touch()
    monkeypatch.setattr(torchvision.models, "alexnet", Mock(return_value=SimpleNamespace(features=layers)))
    perceptual._metric.cache_clear()
    yield layers
    perceptual._metric.cache_clear()


@pytest.fixture(scope="session")
def state() -> dict[str, Tensor]:
    """Random weights in the published file's layout."""
    torch.manual_seed(0)
    network = distribution.Inception()
    classes = {f"fc.{name}": value for name, value in network.classes.state_dict().items()}
    return {**network.backbone.state_dict(), **classes}


@pytest.fixture
def weights(monkeypatch, tmp_path, state) -> Iterator[dict[str, Tensor]]:
    """The Inception network's file, with random weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    distribution.INCEPTION.path.parent.mkdir(parents=True)
    torch.save(state, distribution.INCEPTION.path)
    distribution._network.cache_clear()
    yield state
    distribution._network.cache_clear()
