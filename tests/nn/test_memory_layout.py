"""No narrow convolution is run here in channels-last layout: on some processors that ends the interpreter."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v3_small, resnet18

from keyhole.nn.device import MemoryLayout
from keyhole.nn.mirror import MirrorNetwork
from keyhole.nn.unet import InversionUNet

LAST, CONTIGUOUS = torch.channels_last, torch.contiguous_format


@pytest.mark.parametrize(
    ("module", "form"),
    [
        (nn.Conv2d(8, 8, 1), LAST),
        (nn.Conv2d(3, 8, 3), LAST),
        (nn.ConvTranspose2d(16, 3, 3), LAST),
        (nn.Conv2d(32, 32, 3, groups=32), LAST),
        (nn.Linear(4, 4), LAST),
        (nn.Conv2d(7, 16, 3), CONTIGUOUS),
        (nn.Conv2d(16, 7, 3), CONTIGUOUS),
        (nn.Conv2d(3, 16, 1), CONTIGUOUS),
        (nn.ConvTranspose2d(7, 16, 4), CONTIGUOUS),
        (nn.Conv2d(28, 28, 3, groups=4), CONTIGUOUS),
        (nn.Sequential(nn.Conv2d(3, 64, 7), nn.Sequential(nn.Conv2d(64, 4, 1))), CONTIGUOUS),
    ],
)
def test_one_narrow_convolution_makes_a_module_contiguous(module: nn.Module, form: torch.memory_format) -> None:
    assert MemoryLayout.of(module).form is form


@pytest.mark.parametrize("build", [resnet18, mobilenet_v3_small])
def test_known_networks_stay_channels_last(build) -> None:
    with torch.device("meta"):
        assert MemoryLayout.of(build()).form is LAST


@pytest.mark.parametrize("form", [LAST, CONTIGUOUS])
def test_weights_and_batches_lie_alike(form: torch.memory_format) -> None:
    layout, module = MemoryLayout(form), nn.Conv2d(8, 8, 3)
    layout.module(module)
    assert module.weight.is_contiguous(memory_format=form)
    assert layout.tensor(torch.zeros(2, 8, 4, 4)).is_contiguous(memory_format=form)
    labels = torch.arange(4)
    assert layout.tensor(labels) is labels


@pytest.mark.parametrize("channels", [5, 16])
@pytest.mark.parametrize("build", [lambda shapes: MirrorNetwork(shapes, 16), lambda s: InversionUNet(s, (8, 8, 8))])
def test_networks_of_attackers_follow_the_payload(build, channels: int) -> None:
    network = build([(channels, 8, 8)])
    form = LAST if channels == 16 else CONTIGUOUS
    weights = [weight for weight in network.parameters() if weight.dim() == 4]
    assert all(weight.is_contiguous(memory_format=form) for weight in weights)
    assert network.maps([torch.rand(2, channels, 8, 8)]).is_contiguous(memory_format=form)
