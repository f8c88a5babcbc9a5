"""`keyhole train defence` of a classifier's training pictures: where it starts, what it leaves, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from keyhole.service.errors import UsageError
from keyhole.targets import load_target
from keyhole.targets.membership import TrainedOn
from keyhole.targets.stored_weights import load_weights, read_card
from keyhole.train.command import train
from keyhole.train.defences.command import defence
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.settings import TrainSettings
from tests.data.layouts import draw
from tests.train.patrol_making import class_folders
from tests.train.test_start import folders

PEOPLE = ("Ann", "Bob", "Cid")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public start: a classifier of stripes."""
    root = tmp_path_factory.mktemp("start")
    common = {"architecture": "narrow:resnet18-8", "size": 16, "stages": ("16:1",), "batch": 8, "workers": 0}
    assert train(TrainSettings(data=str(folders(root / "data")), out=root / "stripes", **common)) == 0
    return root / "stripes"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    draw(root, [f"private/{name}/{n}.png" for name in PEOPLE for n in range(16)])
    return root


def settings(start: Path, data: Path, out: Path, method: str, **changes: object) -> DefenceSettings:
    given = {"target": str(start), "data": str(data), "out": out, "method": method, "epochs": 2, "batch": 8}
    return DefenceSettings(**{**given, "workers": 0, "learning_rate": 0.01, **changes})


def test_it_leaves_a_target_whose_frozen_tensors_are_those_of_the_start(
    start: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert defence(settings(start, faces, out, "tl-dmi:frozen=layer2")) == 0
    said = capsys.readouterr().out
    assert "fc starts afresh" in said
    assert f"use it with --target defended:{out}" in "".join(said.split("\n"))
    target = load_target(f"defended:{out}")
    assert (target.defence, target.labels, target.outputs) == ("tl-dmi", PEOPLE, 3)
    before, after = (load_weights(folder / "model.safetensors") for folder in (start, out))
    frozen = [name for name in before if not name.startswith(("layer3", "layer4", "fc"))]
    assert len(frozen) > 40
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert not torch.equal(before["layer3.0.bn1.running_mean"], after["layer3.0.bn1.running_mean"])
    card = read_card(out)
    assert (card.recipe["method"], card.recipe["frozen"], card.recipe["spent"]["batches"]) == ("tl-dmi", "layer2", 10)
    assert card.recipe["init"] == read_card(start).recipe
    assert {"top1", "top1_fp32", "top1_selection"} <= card.figures.keys()
    assert TrainedOn.read(out).among(str(faces), PEOPLE) == list(PEOPLE)


@pytest.mark.parametrize(
    ("method", "name"),
    [("bido:measure=coco,frozen=layer1", "tl-dmi+bido"), ("mid:weight=0.1", "mid"), ("smoothing", "smoothing")],
)
def test_every_method_leaves_a_target_of_the_same_architecture(
    method: str, name: str, start: Path, faces: Path, tmp_path: Path
) -> None:
    assert defence(settings(start, faces, tmp_path / "out", method, epochs=1)) == 0
    target = load_target(str(tmp_path / "out"))
    assert (target.defence, target.labels) == (name, PEOPLE)
    assert target.model.state_dict().keys() == load_target(str(start)).model.state_dict().keys()


def test_targets_along_the_training_are_kept(start: Path, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert defence(settings(start, faces, out, "tl-dmi", epochs=5, keep_every=2)) == 0
    assert sorted(path.name for path in out.glob("at-*")) == ["at-2", "at-4"]
    hashes = {load_target(str(place)).hash for place in (out / "at-2", out / "at-4", out)}
    assert len(hashes) == 3
    assert read_card(out / "at-2").labels == PEOPLE
    with pytest.raises(UsageError, match=r"is of another training \(frozen was layer2 and is layer1\)"):
        defence(settings(start, faces, out, "tl-dmi:frozen=layer1", epochs=5))
    again = tmp_path / "again"
    assert defence(settings(start, faces, again, "tl-dmi", epochs=5)) == 0
    assert load_target(str(again)).hash == load_target(str(out)).hash
    with pytest.raises(UsageError, match="--keep-every 0: expected 1 or more"):
        defence(settings(start, faces, tmp_path / "none", "tl-dmi", keep_every=0))


def test_an_undefended_training_keeps_targets_too(faces: Path, tmp_path: Path) -> None:
    given = {"architecture": "narrow:resnet18-8", "size": 16, "stages": ("16:3",), "batch": 8, "workers": 0}
    assert train(TrainSettings(data=str(faces), out=tmp_path / "out", keep_every=1, **given)) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("at-*")) == ["at-1", "at-2"]
    assert load_target(str(tmp_path / "out" / "at-1")).labels == PEOPLE


def test_frozen_layers_must_not_know_the_private_people(start: Path, faces: Path, tmp_path: Path) -> None:
    undefended = tmp_path / "undefended"
    assert defence(settings(start, faces, undefended, "smoothing:weight=0", epochs=1)) == 0
    with pytest.raises(UsageError, match=r"is a classifier of the same classes.*--task pretraining"):
        defence(settings(undefended, faces, tmp_path / "out", "tl-dmi"))
    draw(faces, [f"others/{name}/{n}.png" for name in ("Ann", "Dee") for n in range(8)])
    with pytest.raises(UsageError, match="was trained on 1 of 2 classes already"):
        defence(settings(undefended, faces, tmp_path / "out", "bido:frozen=layer2", part="others"))
    draw(tmp_path / "mixed", [f"private/{name}/{n}.png" for name in ("across", "Dee") for n in range(8)])
    with pytest.raises(UsageError, match="was trained on 1 of 2 classes already"):
        defence(settings(start, tmp_path / "mixed", tmp_path / "out", "tl-dmi"))
    with pytest.raises(UsageError, match="does not say whom it was trained on"):
        defence(settings(Path("resnet18-streetcam"), faces, tmp_path / "out", "tl-dmi"))
    with pytest.raises(UsageError, match="--teacher: mid trains a classifier of classes"):
        defence(settings(start, faces, tmp_path / "out", "mid", teacher="resnet18-streetcam"))


def test_a_model_of_ones_own_must_have_as_many_outputs(faces: Path, tmp_path: Path) -> None:
    own = Path("tests.train.patrol_making:target")
    assert defence(settings(own, class_folders(tmp_path / "data", 8), tmp_path / "out", "bido", epochs=1)) == 0
    assert load_target(str(tmp_path / "out")).labels == ("class-0", "class-1", "class-2")
    draw(tmp_path / "few", [f"private/{name}/{n}.png" for name in ("Ann", "Bob") for n in range(4)])
    with pytest.raises(UsageError, match="expected a model that answers with logits of 2 classes"):
        defence(settings(own, tmp_path / "few", tmp_path / "bad", "bido"))
