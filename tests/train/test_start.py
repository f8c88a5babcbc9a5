"""Trainings that start from weights."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from torchvision.utils import save_image

from keyhole.data.labelled import LabelledPictures
from keyhole.service.errors import UsageError
from keyhole.targets.architectures import architecture
from keyhole.targets.catalogue import architecture_of
from keyhole.targets.load import load_target
from keyhole.targets.neck import with_neck
from keyhole.targets.stored_weights import load_weights, read_card
from keyhole.targets.target import TargetError
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.teacher import load_teacher
from keyhole.train.weights import card_of, start_from
from tests.train.test_classifier import striped


def folders(root: Path, names: tuple[str, ...] = ("across", "down")) -> Path:
    for split, count in (("train", 16), ("val", 8)):
        data = striped(count, seed=count)
        for number, (picture, label) in enumerate(zip(data.pictures, data.labels, strict=True)):
            path = root / split / names[int(label)] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(picture / 255, path)
    return root


def run(monkeypatch: pytest.MonkeyPatch, data: Path, out: Path, init: Path | None, rate: float) -> None:
    monkeypatch.setattr(sys, "argv", ["keyhole", "train", "target", "--out", out.name])
    settings = TrainSettings(data=str(data), out=out, init=init, size=16, stages=("16:1",), batch=8, learning_rate=rate)
    assert train(settings) == 0


def test_a_second_run_goes_on_from_the_first_and_its_card_tells_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, first, second = folders(tmp_path / "data"), tmp_path / "first", tmp_path / "second"
    run(monkeypatch, data, first, None, 0.1)
    run(monkeypatch, data, second, first, 1e-9)
    before, after = (load_weights(out / "model.safetensors") for out in (first, second))
    for name in ("conv1.weight", "layer3.0.conv2.weight", "fc.weight", "bn1.bias"):
        assert (before[name] - after[name]).abs().max() <= before[name].abs().max() / 100
    cards = read_card(first), read_card(second)
    assert cards[1].command == f"{cards[0].command} && {shlex.join(sys.argv)}"
    assert cards[1].recipe["init"] == cards[0].recipe
    assert "init" not in cards[0].recipe


def test_the_folder_that_it_left_is_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    data, out = folders(tmp_path / "data"), tmp_path / "mine"
    run(monkeypatch, data, out, None, 0.1)
    assert f"use it with --target {out}" in "".join(capsys.readouterr().out.splitlines())
    monkeypatch.chdir(tmp_path)
    for name in (str(out), "mine", "./mine"):
        target = load_target(name)
        assert (target.name, target.outputs, target.labels, target.preprocess.size) == (name, 2, ("across", "down"), 16)
        state, stored = target.model.state_dict(), load_weights(out / "model.safetensors")
        assert all(torch.equal(state[key], value) for key, value in stored.items())
    assert architecture_of("mine") == "resnet18"
    (out / "card.json").unlink()
    with pytest.raises(TargetError, match=r"holds no card\.json"):
        load_target("mine")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    data, weights = folders(tmp_path / "data"), tmp_path / "weights.safetensors"
    save_file({"fc.weight": torch.zeros(9, 512)}, weights)
    with pytest.raises(TargetError, match=r"fc.weight is \(9, 512\), expected \(2, 512\)"):
        train(TrainSettings(data=str(data), out=tmp_path / "out", init=weights))
    with pytest.raises(TargetError, match=r"no file of weights at .*nowhere"):
        train(TrainSettings(data=str(data), out=tmp_path / "out", init=tmp_path / "nowhere"))


def test_re_identification_starts_from_a_classifier_but_for_its_last_layer(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    classifier = resnet18(num_classes=9)
    save_file(classifier.state_dict(), weights)
    network = with_neck(architecture("resnet18"), 32)
    start_from(network, weights)
    state = network.state_dict()
    assert torch.equal(state["layer4.1.conv2.weight"], classifier.layer4[1].conv2.weight)
    assert torch.equal(state["fc.running_var"], torch.ones(512))
    assert torch.equal(state["fc.weight"], torch.ones(512))


def test_a_shipped_target_is_a_start_by_its_name() -> None:
    network, shipped = resnet18(num_classes=100), load_target("resnet18-tinyimagenet").model
    start_from(network, Path("resnet18-tinyimagenet"))
    assert all(torch.equal(value, shipped.state_dict()[name]) for name, value in network.state_dict().items())
    card = card_of(Path("resnet18-tinyimagenet"))
    assert card is not None
    assert card.name == "resnet18-tinyimagenet"
    assert load_teacher(Path("resnet18-streetcam")).hash == load_target("resnet18-streetcam").hash


def test_weights_that_are_not_there_are_missed_before_pictures_are_read(tmp_path: Path, monkeypatch):
    data = folders(tmp_path / "data")
    monkeypatch.setattr(LabelledPictures, "load", lambda *_: pytest.fail("read"))
    for init in (tmp_path / "nosuch", "resnet18-streetcam"):
        settings = TrainSettings(data=str(data), out=tmp_path / "out", init=Path(init), size=16, stages=("16:1",))
        with pytest.raises(TargetError):
            train(settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", [{"teacher": Path("resnet18-streetcam")}, {"patch_drop": 0.5}])
def test_flags_of_the_other_task_are_refused(tmp_path: Path, flag: dict[str, Any]):
    with pytest.raises(UsageError, match="--task re-identification"):
        train(TrainSettings(data=str(tmp_path), out=tmp_path / "out", **flag))
