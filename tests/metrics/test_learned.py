from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import torchmetrics
import torchvision
from torch import Tensor, nn

from keyhole.metrics import learned, lpips

CALIBRATION = Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"


@pytest.fixture
def backbone(monkeypatch, tmp_path):
    """AlexNet's layers with random weights in place of those that are not shipped."""
    torch.manual_seed(0)
    layers: nn.Sequential = torchvision.models.AlexNet().features.requires_grad_(False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    learned.ALEXNET.path.parent.mkdir(parents=True)
    learned.ALEXNET.path.touch()
    monkeypatch.setattr(torchvision.models, "alexnet", Mock(return_value=SimpleNamespace(features=layers)))
    learned._metric.cache_clear()
    yield layers
    learned._metric.cache_clear()


def reference_lpips(layers: nn.Sequential, first: Tensor, second: Tensor) -> Tensor:
    """Zhang et al. 2018, equation 1."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    calibration = torch.load(CALIBRATION, map_location="cpu", weights_only=True)
    first, second = (((2 * picture - 1) - shift) / scale for picture in (first, second))
    total, level = torch.zeros(len(first)), 0
    for layer in layers:
        first, second = layer(first), layer(second)
        if isinstance(layer, nn.ReLU):
            units = [features / features.norm(dim=1, keepdim=True) for features in (first, second)]
            weights = calibration[f"lin{level}.model.1.weight"]
            total += (weights * (units[0] - units[1]).square()).sum(dim=1).mean(dim=(1, 2))
            level += 1
    return total


def test_equals_the_published_formula(backbone, photographs, degraded):
    truth = photographs(3, 64)
    reconstruction = degraded(truth, 0.1)
    expected = reference_lpips(backbone, reconstruction, truth)
    assert lpips(reconstruction, truth).tolist() == pytest.approx(expected.tolist(), rel=1e-3)


def test_equal_pictures_are_at_zero_and_one_picture_is_a_batch(backbone, photographs):
    truth = photographs(1, 64)
    assert lpips(truth, truth).tolist() == [0]


def test_a_picture_too_small_for_the_backbone_is_refused(backbone, photographs):
    assert lpips(photographs(1, 31), photographs(1, 31)).shape == (1,)
    with pytest.raises(ValueError, match="at least 31 pixels"):
        lpips(photographs(1, 30), photographs(1, 30))
