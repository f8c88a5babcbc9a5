"""Targets by name, and their weights from files."""

import copy
import dataclasses
import json
import logging
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file

import keyhole
from keyhole.targets import TargetError, load_target
from tests.targets.own_models import remembering

OWN = "tests.targets.own_models"


def file_of(model: torch.nn.Module, path: Path, *, without: tuple[str, ...] = ()) -> Path:
    save_file({name: value for name, value in model.state_dict().items() if not name.startswith(without)}, str(path))
    return path


def equal(left: torch.nn.Module, right: torch.nn.Module) -> bool:
    other = right.state_dict()
    return all(torch.equal(value, other[name]) for name, value in left.state_dict().items())


@pytest.mark.parametrize(
    ("name", "licence"),
    [("resnet18", "BSD-3-Clause"), ("torchvision:resnet18", "BSD-3-Clause"), ("timm:resnet18", "apache-2.0")],
)
def test_a_model_by_name_is_ready_for_inference(name: str, licence: str) -> None:
    target = keyhole.load_target(name)
    assert (target.name, target.outputs, target.licence, target.missing) == (name, 1000, licence, ())
    assert target.preprocess.size == 224
    assert target.preprocess.mean == (0.485, 0.456, 0.406)
    assert not target.model.training
    assert not any(parameter.requires_grad for parameter in target.model.parameters())


def test_without_weights_they_are_random_the_same_everywhere_and_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        before = torch.get_rng_state()
        target = load_target("resnet18")
        assert torch.equal(torch.get_rng_state(), before)
    assert "random weights" in caplog.text
    assert target.labels == ()
    code = "import logging, keyhole; logging.disable(); print(keyhole.load_target('torchvision:resnet18').hash)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert other.stdout.strip() == target.hash
    assert len(target.hash) == 16


def test_the_hash_follows_the_weights() -> None:
    target, other = load_target("resnet18"), load_target("resnet18")
    assert target.hash == other.hash
    changed = load_target("resnet18")
    with torch.no_grad():
        changed.model.get_parameter("layer4.1.bn2.bias")[7] += 1e-6
    assert changed.hash != target.hash


def test_convolutions_lie_channels_last_and_answer_alike() -> None:
    target = load_target("resnet18")
    assert target.model.get_parameter("layer1.0.conv1.weight").is_contiguous(memory_format=torch.channels_last)
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    answers, hashed = target.model(pictures), target.hash
    plain = copy.deepcopy(target.model).to(memory_format=torch.contiguous_format)
    torch.testing.assert_close(plain(pictures), answers)
    assert dataclasses.replace(target, model=plain).hash == hashed


@pytest.mark.parametrize(
    ("name", "size"),
    [("vit_b_16", 32), ("timm:vit_tiny_patch16_224", 48), ("conv-stem:vit_tiny_patch16_224", 48), ("resnet18", 64)],
)
def test_the_size_can_be_chosen(name: str, size: int) -> None:
    target = load_target(name, size=size)
    assert target.preprocess.size == size
    assert target.model(torch.zeros(2, 3, size, size)).shape == (2, 1000)


def test_a_size_that_the_model_cannot_take_is_refused() -> None:
    with pytest.raises(TargetError, match="cannot take a picture of 16×16"):
        load_target("alexnet", size=16)
    for name, size in (("vit_b_16", 30), ("maxvit_t", 100)):
        with pytest.raises(TargetError, match=rf"{name} cannot take pictures of {size} pixels: .*divisi"):
            load_target(name, size=size)


def test_an_embedding_has_its_length() -> None:
    target = load_target("timm:vit_small_patch14_dinov2", size=28)
    assert (target.outputs, target.labels) == (384, ())


@pytest.mark.parametrize("name", ["resnet-18", "timm:resnet_18"])
def test_an_unknown_name_lists_the_nearest(name: str) -> None:
    with pytest.raises(TargetError, match=r"unknown target .*nearest: .*resnet18"):
        load_target(name)


def test_shipped_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"shipped with weights: none in .*`keyhole targets` lists all"):
        load_target("resnet18-nothing", shipped=tmp_path)


def test_shipped_weights_bring_labels_and_preprocessing(shipped: Path) -> None:
    target = load_target("tiny", shipped=shipped)
    assert (target.labels, target.outputs, target.licence) == (("cat", "dog", "eel"), 3, "CC0-1.0")
    assert (target.weights, target.preprocess.size, target.preprocess.mean) == ("shipped", 48, (0.5, 0.5, 0.5))
    torch.manual_seed(5)
    original = torchvision.models.resnet18(num_classes=3)
    weight, exact = target.model.get_parameter("conv1.weight"), original.conv1.weight
    assert 0 < (weight - exact).abs().max() <= exact.abs().max() / 127


def test_damaged_shipped_weights_are_refused(shipped: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "card.json").write_text((shipped / "tiny" / "card.json").read_text())
    with pytest.raises(TargetError, match=r"weights of tiny are missing.*keyhole train tiny"):
        load_target("tiny", shipped=tmp_path)
    data = bytearray((shipped / "tiny" / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(TargetError, match="not the file that its card describes"):
        load_target("tiny", shipped=tmp_path)


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_text(json.dumps({"name": "bad", "colour": "red"}))
    with pytest.raises(TargetError, match=r"lacks \['architecture'.*unknown fields \['colour'\]"):
        load_target("bad", shipped=tmp_path)


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".pth"])
def test_weights_from_a_file(ending: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, path = torchvision.models.resnet18(), tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        file_of(model, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, path)
    target = load_target("resnet18", path)
    assert equal(target.model, model)
    assert target.weights == str(path)
    assert target.labels[0] == "tench"
    assert not caplog.records


def test_the_number_of_classes_follows_the_file(tmp_path: Path) -> None:
    path = file_of(torchvision.models.resnet18(num_classes=12), tmp_path / "twelve.safetensors")
    target = load_target("resnet18", path)
    assert (target.outputs, target.labels) == (12, ())


def test_weights_of_a_head_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = torchvision.models.resnet18()
    path = file_of(model, tmp_path / "head.safetensors", without=("layer4", "fc"))
    with pytest.raises(TargetError, match=r"missing: 27 \(layer4\.0\.conv1\.weight.*--head-only"):
        load_target("resnet18", path)
    target = load_target("resnet18", path, strict=False)
    assert (len(target.missing), target.labels) == (27, ())
    assert {name.partition(".")[0] for name in target.missing} == {"layer4", "fc"}
    assert "27 tensors are not in" in caplog.text
    assert torch.equal(target.model.get_parameter("layer3.1.conv2.weight"), model.layer3[1].conv2.weight)
    assert load_target("resnet18", path, strict=False).hash == target.hash


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = file_of(torchvision.models.resnet50(), tmp_path / "other.safetensors")
    with pytest.raises(TargetError, match=r"do not fit ResNet: wrong shapes.*unexpected"):
        load_target("resnet18", path)
    strange = file_of(torch.nn.Linear(2, 2), tmp_path / "strange.safetensors")
    with pytest.raises(TargetError, match=r"do not fit: no tensor is one of the model's. At the top is bias, weight"):
        load_target("resnet18", strange, strict=False)


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no file of weights at"):
        load_target("resnet18", tmp_path / "nothing.safetensors")
    for ending in (".safetensors", ".pt", ".txt"):
        text = tmp_path / f"weights{ending}"
        text.write_text("weights")
        with pytest.raises(TargetError, match="cannot read the weights in"):
            load_target("resnet18", text)


def test_code_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(trace)!r}, 'w')",)

    torch.save({"weight": Evil()}, path)
    with pytest.raises(TargetError, match="cannot read the weights in"):
        load_target("resnet18", path)
    assert not trace.exists()


def test_pretrained_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(TargetError, match=r"cannot get the pretrained weights of resnet18.*Name or service.*--weights"):
        load_target("resnet18", "pretrained")


def test_a_module_of_ones_own() -> None:
    target = load_target(f"{OWN}:network")
    assert (target.name, target.outputs, target.preprocess.size) == (f"{OWN}:network", 7, 224)
    assert load_target(f"{OWN}:network", size=64).preprocess.size == 64
    assert load_target(f"{OWN}:network").hash == target.hash


def test_a_target_of_ones_own(tmp_path: Path) -> None:
    target = load_target(f"{OWN}:target")
    assert (target.labels, target.licence, target.preprocess.size) == (tuple("abcdefg"), "MIT", 40)
    assert not target.model.training
    path = file_of(target.model, tmp_path / "mine.safetensors")
    assert load_target(f"{OWN}:target", path).hash == target.hash
    with pytest.raises(TargetError, match="no weights on a hub"):
        load_target(f"{OWN}:target", "pretrained")


def test_weights_of_a_model_that_keeps_what_it_computed(tmp_path: Path) -> None:
    published = remembering().eval()
    target = load_target(f"{OWN}:remembering", weights=file_of(published, tmp_path / "w.safetensors"))
    pictures = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(target.model(pictures), published(pictures), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("tests.targets.nowhere:network", "No module named"),
        (f"{OWN}:nothing", "has no attribute 'nothing'"),
        (f"{OWN}:with_argument", "called without arguments: missing a required argument: 'classes'"),
        (f"{OWN}:number", "must return an nn.Module or a keyhole.targets.Target, got int"),
        (f"{OWN}:__doc__", "must be a function"),
        (f"{OWN}:silent", "must answer with tensors, got str"),
        (f"{OWN}:broken", "cannot take a picture of 224×224"),
    ],
)
def test_factories_that_make_no_model(factory: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        load_target(factory)


def test_a_package_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mymodel.py").write_text("from tests.targets.own_models import network as make\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert load_target("mymodel:make").outputs == 7
