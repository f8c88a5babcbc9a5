"""Shipped weights, and the list of all models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

import keyhole
from keyhole.cli import dispatch
from keyhole.data.classes import ClassSource
from keyhole.data.identities import IdentifiedPictures, divide_views
from keyhole.data.in_memory import read_pictures
from keyhole.data.labelled import LabelledPictures
from keyhole.data.sets.collection import Subset
from keyhole.data.streetcam.stream import Passes, Streetcam
from keyhole.evaluation.classes.shipped import EVALUATOR, TARGET
from keyhole.evaluation.reidentification import ReidentificationTrial
from keyhole.partition.memory import footprint_at, footprints
from keyhole.partition.pruning.plan import read_plan
from keyhole.sizes import height_width
from keyhole.targets.catalogue import SHIPPED, PrunedFamily, ShippedFamily, protection
from keyhole.targets.load import load_target
from keyhole.targets.stored_weights import WEIGHTS, read_card
from keyhole.train.tasks.classification import top_k

NAMES = ShippedFamily(SHIPPED).names()
TRAINED_AGAINST = PrunedFamily(SHIPPED).names()
PRUNED = [name for name in TRAINED_AGAINST if read_plan(SHIPPED / name).defence == "patrol"]
DEFENDED = {
    "resnet18-16-vehicles-tl-dmi": "tl-dmi",
    "resnet18-16-vehicles-bido": "bido",
    "resnet18-16-vehicles-mid": "mid",
}
CLASSIFIERS = (TARGET, EVALUATOR, *DEFENDED)
VEHICLES, VIEWS = 12, 5


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> ReidentificationTrial:
    """Vehicles of the pool ``audit``, each searched for once among the other views of all."""
    drawn = Passes(Streetcam("audit", 128), VEHICLES, VIEWS)
    probes, gallery = divide_views(drawn, 1, seed=0)
    folder = tmp_path_factory.mktemp("pictures")
    return ReidentificationTrial(
        IdentifiedPictures.load(drawn, 128, workers=0, folder=folder, console=Console()), probes, gallery
    )


@pytest.fixture(scope="module")
def held_back(tmp_path_factory: pytest.TempPathFactory) -> LabelledPictures:
    """Of the 60 vehicles that classifiers learned, the pictures that none has learned from or was chosen by."""
    found = ClassSource("streetcam").open(64)
    folder = tmp_path_factory.mktemp("held-back")
    pictures, _ = read_pictures(
        Subset(found.pictures, found.held_back), 64, workers=0, folder=folder, console=Console()
    )
    labels = torch.tensor([found.labels[place] for place in found.held_back])
    return LabelledPictures(pictures, labels, found.names).for_report()


def test_all_weights_together_keep_the_repository_small() -> None:
    weights = list(Path(keyhole.__path__[0]).rglob("*.safetensors"))
    assert {SHIPPED / name / "model.safetensors" for name in NAMES} <= set(weights)
    assert sum(path.stat().st_size for path in weights) <= 52 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_each_is_what_its_card_says(name: str) -> None:
    card, target = ShippedFamily(SHIPPED).card(name), load_target(name)
    assert (card.name, target.weights, target.preprocess) == (name, "shipped", card.preprocess)
    assert target.outputs == (0 if card.task == "detection" else card.embedding or len(card.labels))
    assert target.labels == card.labels
    assert card.command.startswith("keyhole train target ")
    assert card.figures


@pytest.mark.parametrize("name", PRUNED)
def test_each_pruned_one_is_small_and_fits_where_its_memory_file_says(name: str) -> None:
    folder, target = SHIPPED / name, load_target(name)
    card, plan, memory = read_card(folder), read_plan(folder), json.loads((folder / "memory.json").read_text())
    assert (card.name, target.weights, target.defence) == (name, "shipped", plan.defence)
    assert card.command.startswith("keyhole train patrol ")
    assert (protection(name, "none"), protection(name, "noise")) == ("patrol", "patrol+noise")
    assert (folder / "model.safetensors").stat().st_size <= 1.5e6
    footprint = footprint_at(footprints(target), plan.cut)
    assert footprint.total <= memory["room_bytes"]
    assert memory["deepest"] == plan.cut


@pytest.mark.parametrize("name", TRAINED_AGAINST)
def test_a_pruned_one_loads_where_nothing_learns(name: str) -> None:
    with torch.inference_mode():
        target = load_target(name)
    assert target.hash == load_target(name).hash
    assert not any(parameter.is_inference() for parameter in target.model.parameters())


@pytest.mark.parametrize("name", [name for name in (*NAMES, *TRAINED_AGAINST) if read_card(SHIPPED / name).embedding])
def test_vehicles_are_found_again(name: str, trial: ReidentificationTrial) -> None:
    target = load_target(name)
    assert trial.figures(target.model, target.preprocess)["rank_1"] >= 75


@pytest.mark.parametrize(("name", "defence"), DEFENDED.items())
def test_a_defended_classifier_says_by_what(name: str, defence: str) -> None:
    card, target = read_card(SHIPPED / name), load_target(name)
    assert (card.name, target.weights, target.defence) == (name, "shipped", defence)
    assert card.command.startswith("keyhole train ")
    assert f"keyhole train defence --method {defence}" in card.command


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_vehicles_are_told_apart_in_pictures_that_were_held_back(name: str, held_back: LabelledPictures) -> None:
    card, target = read_card(SHIPPED / name), load_target(name)
    assert target.labels == held_back.names
    assert top_k(target.model, held_back, target.preprocess) == pytest.approx(card.figures["top1"], abs=0.5)
    assert card.figures["pictures"] == len(held_back.labels)
    assert (SHIPPED / name / WEIGHTS).stat().st_size <= 1e6


def test_whom_pictures_show_is_asked_of_a_better_classifier_of_another_architecture() -> None:
    target, evaluator = (read_card(SHIPPED / name) for name in (TARGET, EVALUATOR))
    assert evaluator.figures["top1"] >= 85 > target.figures["top1"]
    assert evaluator.architecture.partition("-")[0] != target.architecture.partition("-")[0]


def test_what_a_classifier_was_frozen_to_is_the_public_start_to_the_bit() -> None:
    start, frozen = (load_target(f"{TARGET}-{name}").model for name in ("public", "tl-dmi"))
    for part in ("conv1", "bn1", "layer1", "layer2"):
        own, other = (model.get_submodule(part).state_dict() for model in (frozen, start))
        assert all(torch.equal(own[name], other[name]) for name in other)
    assert not torch.equal(frozen.layer3[0].conv1.weight, start.layer3[0].conv1.weight)


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "targets.json"
    assert dispatch(["targets", "--filter", "resnet18", "--json", str(path)], {}) == 0
    rows = {row["target"]: row for row in json.loads(path.read_text())["targets"]}
    assert rows["resnet18"]["preprocess"]["size"] == 224
    assert rows["resnet18"]["outputs"] == 1000
    assert rows["timm:resnet18"]["licence"] == "apache-2.0"
    assert all("resnet18" in name for name in rows)
    assert "timm:resnet18" in capsys.readouterr().out


def test_every_target_is_described(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    assert dispatch(["targets", "--json", str(path)], {}) == 0
    rows = json.loads(path.read_text())["targets"]
    assert len(rows) > 1000
    sizes = {row["target"]: row["preprocess"]["size"] for row in rows}
    assert sizes["timm:vit_base_patch16_sapiens2"] == [1024, 768]
    assert all(min(height_width(size)) > 0 for size in sizes.values())
    assert all(row["licence"] for row in rows)


def test_a_filter_that_matches_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["targets", "--filter", "no-such-model"], {}) == 2
    assert "no-such-model" in capsys.readouterr().err
