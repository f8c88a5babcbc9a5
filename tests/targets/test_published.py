"""Models that take weights from a file are those that their published weights are loaded into."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from accelerate import init_empty_weights
from torch import Tensor, nn
from torchvision.models._api import WeightsEnum

from keyhole.sizes import height_width
from keyhole.targets import TargetError, load_target
from keyhole.targets.architectures import TimmFamily, TorchvisionFamily


class ReachedError(Exception):
    """What a test looks at has been reached, with these arguments."""


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Published weights are neither fetched nor loaded, and parameters take no memory."""
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: {})
    with monkeypatch.context() as patch, init_empty_weights():
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        yield


def first_input(model: nn.Module, pictures: Tensor) -> Tensor:
    """What a model gives to the first of its layers."""

    def reached(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raise ReachedError(*inputs)

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_pre_hook(reached)
    with pytest.raises(ReachedError) as raised:
        model.eval()(pictures)
    return raised.value.args[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", TorchvisionFamily().names())
def test_the_same_input_reaches_the_first_layer_of_torchvisions(name: str, no_weights: None) -> None:
    family = TorchvisionFamily()
    size = family.facts(name).preprocess.size
    pictures = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    ours, published = (
        first_input(family.build(name, size=None, outputs=None, pretrained=pretrained), pictures)
        for pretrained in (False, True)
    )
    assert torch.equal(ours, published)


def described(value: Any) -> Any:
    """An argument as something that can be compared."""
    if isinstance(value, functools.partial):
        return described((value.func, value.args, value.keywords))
    if isinstance(value, dict):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    return re.sub(r" at 0x\w+", "", repr(value))


def test_timm_builds_the_same_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the arguments that its functions give to the classes of models, before anything is built."""

    def build(kind: object, variant: str, pretrained: bool, *rest: object, **arguments: object) -> None:
        raise ReachedError(kind, variant, *rest, arguments)

    modules = [module for name, module in sys.modules.items() if name.startswith("timm.models.")]
    for module in modules:
        if hasattr(module, "build_model_with_cfg"):
            monkeypatch.setattr(module, "build_model_with_cfg", build)

    def arguments(name: str, *, pretrained: bool) -> Any:
        with pytest.raises(ReachedError) as raised:
            TimmFamily().build(name, size=None, outputs=None, pretrained=pretrained)
        return described(raised.value.args)

    names = timm.list_models()
    assert len(names) > 1000
    different = [name for name in names if arguments(name, pretrained=False) != arguments(name, pretrained=True)]
    assert different == []


@pytest.mark.slow
@pytest.mark.parametrize("module", timm.list_modules())
def test_timm_takes_the_size_that_is_said(module: str) -> None:
    """One architecture of each file, without numbers: all of them would take half an hour."""
    family, (name, *_) = TimmFamily(), timm.list_models(module=module)
    with torch.device("meta"), torch.no_grad():
        model = family.build(name, size=None, outputs=None, pretrained=False).eval()
        model(torch.zeros(1, 3, *height_width(family.facts(name).preprocess.size)))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_classifiers_in_a_file_are_not_needed(name: str, tmp_path: Path) -> None:
    theirs = torchvision.models.get_model(name, weights=None, num_classes=9, init_weights=False, transform_input=True)
    whole, path = theirs.state_dict(), tmp_path / "weights.pth"
    torch.save(whole, path)
    target = load_target(name, path, size=96)
    pictures = torch.randn(1, 3, 96, 96)
    assert torch.allclose(target.model(pictures), theirs.eval()(pictures), atol=1e-5)
    torch.save({name: value for name, value in whole.items() if not name.startswith(("aux", "Aux"))}, path)
    assert load_target(name, path, size=96).hash == target.hash


def test_densenets_are_published_under_old_names(tmp_path: Path) -> None:
    model = torchvision.models.densenet121()
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", name): value for name, value in model.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "densenet121-a639ec97.pth")
    target = load_target("densenet121", tmp_path / "densenet121-a639ec97.pth", size=32)
    assert torch.equal(target.model.get_parameter("features.denseblock1.denselayer1.norm1.weight"), torch.ones(64))
    weight = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(target.model.get_parameter(weight), model.get_parameter(weight))


def test_published_weights_of_another_size_are_refused(no_weights: None) -> None:
    with pytest.raises(TargetError, match="vit_b_16 with its pretrained weights cannot take pictures of 384 pixels"):
        load_target("vit_b_16", "pretrained", size=384)


def test_an_unknown_tag_lists_those_of_the_architecture() -> None:
    with pytest.raises(TargetError, match=r"no weights resnet18\.nosuch, only .*resnet18\.a1_in1k"):
        load_target("timm:resnet18.nosuch")
