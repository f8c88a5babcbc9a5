from collections.abc import Callable, Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import torchvision
from torch import Tensor, nn

from keyhole.metrics import distribution, perceptual, shift_tolerant


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


@pytest.fixture
def packaged(monkeypatch, tmp_path) -> Iterator[dict[str, Tensor]]:
    """The file of ST-LPIPS in its package's place, with random weights."""
    names = ["net.slice1.0", "net.slice2.5", "net.slice3.9", "net.slice4.11", "net.slice5.13"]
    torch.manual_seed(0)
    state, before = {}, 3
    for level, (name, width, side) in enumerate(zip(names, (64, 192, 384, 256, 256), (11, 5, 3, 3, 3), strict=True)):
        layer = nn.Conv2d(before, width, side)
        state |= {f"{name}.weight": layer.weight.detach(), f"{name}.bias": layer.bias.detach()}
        state[f"lin{level}.model.1.weight"] = torch.rand(1, width, 1, 1)
        before = width
    binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
    for name, width in (("slice1.1", 64), ("slice2.4", 64), ("slice3.8", 192)):
        state[f"net.{name}.filt"] = (binomial[:, None] * binomial).expand(width, 1, 3, 3).clone()
    state["scaling_layer.shift"] = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    state["scaling_layer.scale"] = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    file = tmp_path / shift_tolerant.SHIFT_TOLERANT.package / shift_tolerant.SHIFT_TOLERANT.file
    file.parent.mkdir(parents=True)
    (tmp_path / shift_tolerant.SHIFT_TOLERANT.package / "__init__.py").write_text("raise AssertionError('imported')")
    torch.save(state, file)
    monkeypatch.syspath_prepend(str(tmp_path))
    shift_tolerant._network.cache_clear()
    yield state
    shift_tolerant._network.cache_clear()
