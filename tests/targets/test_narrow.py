"""Narrow networks: their names, their size, their cuts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, vgg13_bn

from keyhole.partition import split, survey
from keyhole.targets.architectures import architecture
from keyhole.targets.load import load_target
from keyhole.targets.stored_weights import save_quantised
from keyhole.targets.target import TargetError


def built(name: str, outputs: int) -> nn.Module:
    entry = architecture(f"narrow:{name}")
    return entry.family.build(entry.name, size=64, outputs=outputs, pretrained=False).eval()


def test_a_narrow_resnet_has_torchvisions_modules_and_a_share_of_its_channels() -> None:
    narrow, whole = built("resnet18-16", 60).state_dict(), resnet18(num_classes=60).state_dict()
    assert narrow.keys() == whole.keys()
    for name, value in narrow.items():
        assert name.startswith("conv1") or value.dim() != 4 or value.shape[0] * 4 == whole[name].shape[0]
    assert narrow["layer3.1.conv2.weight"].shape == (64, 64, 3, 3)


def test_a_narrow_vgg_has_torchvisions_layers() -> None:
    narrow, whole = (
        [type(layer) for layer in network.features] for network in (built("vgg13-16", 60), vgg13_bn(num_classes=60))
    )
    assert narrow == whole


@pytest.mark.parametrize(
    ("name", "cut", "shape"), [("resnet18-16", "layer2", (32, 16, 16)), ("vgg16-16", "features.6", (16, 32, 32))]
)
def test_it_is_small_and_can_be_cut(name: str, cut: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    network = built(name, 60)
    save_quantised(network.state_dict(), tmp_path / "weights.safetensors")
    assert (tmp_path / "weights.safetensors").stat().st_size < 1e6
    inputs = torch.rand(2, 3, 64, 64)
    parts = split(network, cut, inputs)
    assert parts.head(inputs).shape[1:] == shape
    assert torch.equal(parts.tail(parts.head(inputs)), network(inputs))
    assert cut in survey(network, inputs).ends


def test_it_is_named_like_other_architectures() -> None:
    target = load_target("narrow:resnet18-8", size=32)
    assert (target.outputs, target.preprocess.size) == (10, 32)
    with pytest.raises(TargetError, match="no hub has weights of resnet18-8"):
        load_target("narrow:resnet18-8", "pretrained")
    with pytest.raises(TargetError, match=r"nearest: .*resnet18-12"):
        architecture("narrow:resnet18-13")
