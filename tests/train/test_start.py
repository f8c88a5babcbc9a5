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
from keyhole.targets.membership import TrainedOn
from keyhole.targets.neck import with_neck
from keyhole.targets.stored_weights import load_weights, read_card
from keyhole.targets.target import TargetError
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.teacher import load_teacher
from keyhole.train.weights import card_of, start_from
from tests.data.layouts import draw
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


@pytest.mark.parametrize("earlier", ["more classes", "an embedding"])
def test_a_classifier_starts_from_another_one_but_for_its_last_layer(earlier: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    entry = architecture("narrow:resnet18-8")
    other = entry.family.build(entry.name, size=32, outputs=9, pretrained=False)
    other = other if earlier == "more classes" else with_neck(entry, 32)
    save_file(other.state_dict(), weights)
    network = entry.family.build(entry.name, size=32, outputs=5, pretrained=False)
    own = network.fc.weight.clone()
    assert start_from(network, weights) == f"fc starts afresh: {weights} has none that fits"
    state = network.state_dict()
    assert torch.equal(state["layer4.1.conv2.weight"], other.state_dict()["layer4.1.conv2.weight"])
    assert torch.equal(state["fc.weight"], own)
    same = entry.family.build(entry.name, size=32, outputs=5, pretrained=False)
    save_file(same.state_dict(), weights)
    assert start_from(network, weights) == ""
    assert torch.equal(network.fc.weight, same.fc.weight)


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
    for init in (tmp_path / "nosuch", "vit-tiny-streetcam"):
        settings = TrainSettings(data=str(data), out=tmp_path / "out", init=Path(init), size=16, stages=("16:1",))
        with pytest.raises(TargetError):
            train(settings)
    assert not (tmp_path / "out").exists()


def test_people_are_classes_and_the_training_remembers_whom_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ("Ann", "Bob", "Cid")
    draw(tmp_path / "faces", [f"private/{name}/{n}.png" for name in people for n in range(16)])
    monkeypatch.setattr(sys, "argv", ["keyhole", "train", "target"])
    settings = TrainSettings(
        data=str(tmp_path / "faces"), out=tmp_path / "out", architecture="narrow:resnet18-8", size=16,
        stages=("16:1",), batch=8, workers=0,
    )  # fmt: skip
    assert train(settings) == 0
    card = read_card(tmp_path / "out")
    assert card.labels == people
    assert (card.figures["pictures"], card.figures["selection_pictures"]) == (9, 3)
    assert card.recipe["label_smoothing"] == 0
    assert load_target(str(tmp_path / "out")).labels == people
    seen = TrainedOn.read(tmp_path / "out")
    assert seen.among(str(tmp_path / "faces"), ["Ann", "Zoe", "Cid"]) == ["Ann", "Cid"]
    assert seen.among("streetcam", ["Ann"]) == []


@pytest.mark.parametrize("flag", [{"teacher": Path("resnet18-streetcam")}, {"patch_drop": 0.5}])
def test_flags_of_the_other_task_are_refused(tmp_path: Path, flag: dict[str, Any]):
    with pytest.raises(UsageError, match="--task re-identification"):
        train(TrainSettings(data=str(tmp_path), out=tmp_path / "out", **flag))
