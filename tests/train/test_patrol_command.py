"""`keyhole train patrol`: what it leaves, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from keyhole.partition import partitioned
from keyhole.partition.memory import footprint_at, footprints
from keyhole.partition.pruning.plan import read_plan
from keyhole.targets import ModelSettings, TargetError, load_target
from keyhole.targets.catalogue import Catalogue, ShippedFamily
from keyhole.targets.stored_weights import read_card
from keyhole.train.defences.command import defence
from keyhole.train.defences.patrol.command import patrol
from keyhole.train.defences.patrol.settings import PatrolSettings, TermName
from keyhole.train.defences.settings import DefenceSettings
from tests.train.patrol_making import REIDENTIFICATION, SIDE, class_folders, classifier

EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)
TARGET = "tests.train.patrol_making:target"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves."""
    root = tmp_path_factory.mktemp("patrol")
    class_folders(root / "data")
    settings = PatrolSettings(
        target=TARGET,
        cut="layer2",
        room="layer1",
        data=str(root / "data"),
        out=root / "out",
        batch=8,
        steps=5,
        stages=("8:1", "16:2"),
        rest=("16:2",),
    )
    assert patrol(settings) == 0
    return root / "out"


def test_the_result_is_a_target_that_every_process_can_load(result: Path) -> None:
    name = f"pruned:{result}"
    target, again = load_target(name), load_target(name)
    assert target.hash == again.hash
    assert target.defence == "patrol"
    assert target.labels == ("class-0", "class-1", "class-2")
    assert not list(result.glob("*.p*t*h")) + list(result.glob("*.pkl"))
    card, plan = read_card(result), read_plan(result)
    assert card.architecture == TARGET
    assert {"top1", "top1_fp32", "top1_unpruned"} <= card.figures.keys()
    assert card.recipe["stages"] == [[8, 1], [16, 2]]
    assert plan.cut == "layer2.0"
    loaded, parts = partitioned(ModelSettings(target=name, cut="layer2"))
    inputs = torch.rand(2, 3, SIDE, SIDE)
    assert torch.equal(parts.tail(parts.head(inputs)), loaded.model(inputs))
    gone = sum(len(removal.indices) for removal in plan.removed if removal.path == "layer2.0.conv2")
    assert parts.plan.tensors[0].shape[1] == 12 - gone


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        (("pruning",), ("pruning alone", "pruning", 0)),
        (("pruning", "lipschitz"), ("PATROL without adversarial", "patrol", 0)),
        (("pruning", "adversarial", "lipschitz"), ("PATROL", "patrol", 7)),
    ],
)
def test_a_result_is_named_after_what_it_is_and_says_what_it_took(
    terms: tuple[TermName, ...], named: tuple[str, str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class_folders(tmp_path / "data")
    settings = PatrolSettings(
        target=TARGET,
        cut="layer2",
        ratio=0.5,
        terms=terms,
        data=str(tmp_path / "data"),
        out=tmp_path / "out",
        batch=8,
        batches=7,
        stages=("8:1", "16:1"),
        rest=("16:1",),
    )
    assert patrol(settings) == 0
    card, target = read_card(tmp_path / "out"), load_target(f"pruned:{tmp_path / 'out'}")
    algorithm, defence, companion = named
    assert (card.recipe["algorithm"], target.defence) == (algorithm, defence)
    assert card.recipe["batches"] == 7
    assert card.recipe["spent"] == {
        **{"batches": 7, "pictures": 56, "model_steps": 14},
        "companion_steps": companion,
    }
    assert "spent: 7 batches, 56 pictures, 14 model steps" in capsys.readouterr().out


def test_what_another_defence_has_trained_is_pruned_and_is_called_by_both(tmp_path: Path) -> None:
    data = str(class_folders(tmp_path / "data"))
    asked = DefenceSettings(
        target=TARGET, method="mid", data=data, out=tmp_path / "mid", epochs=1, batch=16, learning_rate=0.01, workers=0
    )
    assert defence(asked) == 0
    settings = PatrolSettings(
        target=f"defended:{tmp_path / 'mid'}",
        cut="layer2",
        ratio=0.5,
        terms=("pruning", "lipschitz"),
        data=data,
        out=tmp_path / "out",
        batch=8,
        batches=4,
        stages=("8:1", "16:1"),
        rest=("16:1",),
    )
    assert patrol(settings) == 0
    assert read_plan(tmp_path / "out").removed
    assert load_target(f"pruned:{tmp_path / 'out'}").defence == "mid+patrol"


def test_an_embedding_may_get_shorter_and_is_taught_by_the_longer_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = PatrolSettings(
        **REIDENTIFICATION, cut="layer2", ratio=0.5, out=tmp_path / "out", stages=("8:2",), rest=("16:2",)
    )
    assert patrol(settings) == 0
    card = read_card(tmp_path / "out")
    assert card.embedding is not None
    assert 0 < card.embedding < 12
    assert {"rank_1", "rank_1_unpruned"} <= card.figures.keys()
    assert (card.recipe["stages"], card.recipe["rest"], card.recipe["teaching"]) == ([[8, 2]], [[16, 2]], 10.0)
    assert (card.recipe["learning_rate"], card.recipe["rest_learning_rate"]) == (1e-3, 3e-4)
    assert "asking the teacher" in capsys.readouterr().out


def test_among_shipped_models_it_has_a_bare_name(result: Path) -> None:
    catalogue = Catalogue(result.parent)
    assert result.name in list(catalogue.names())
    assert result.name not in ShippedFamily(result.parent).names()
    named = load_target(result.name, shipped=result.parent)
    assert (named.hash, named.defence) == (load_target(f"pruned:{result}").hash, "patrol")
    with pytest.raises(TargetError, match=f"unknown target 'nobody'.*shipped with weights: {result.name}"):
        catalogue.find("nobody")


def test_the_deepest_head_fits_in_the_room(result: Path) -> None:
    memory = json.loads((result / "memory.json").read_text())
    room = footprint_at(footprints(classifier(), EXAMPLE), "layer1.1").total
    assert memory["room_bytes"] == room
    assert memory["deepest"] == "layer2.0"
    row = memory["cuts"][-1]
    found = footprint_at(footprints(load_target(f"pruned:{result}")), "layer2.0")
    assert (row["pruned"]["weights"], row["pruned"]["activations"]) == (found.weights, found.activations)
    assert found.total <= room < row["whole"]["weights"] + row["whole"]["activations"]


def test_a_damaged_result_is_refused(result: Path, tmp_path: Path) -> None:
    for name in ("plan.json", "card.json"):
        (tmp_path / name).write_bytes((result / name).read_bytes())
    save_file({"nothing": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(TargetError, match="is not the file that its card describes"):
        load_target(f"pruned:{tmp_path}")
    (tmp_path / "plan.json").unlink()
    with pytest.raises(ValueError, match="cannot read the pruning plan"):
        load_target(f"pruned:{tmp_path}")
    with pytest.raises(TargetError, match="expected one that `keyhole train patrol` wrote"):
        load_target(f"pruned:{tmp_path}/nothing")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"ratio": 1.5}, "--ratio 1.5: expected more than 0 and 1 at most"),
        ({"l1": -1.0}, "--l1 -1: expected more than 0"),
        ({"rest_learning_rate": 0.0}, "--rest-learning-rate 0: expected more than 0"),
        ({"mask_learning_rate": 0.0}, "--mask-learning-rate 0: expected more than 0"),
        ({"beta": -1.0}, "--beta -1: expected 0 or more"),
        ({"alpha": ()}, "--alpha : expected one number or more"),
        ({"terms": ("lipschitz",), "room": "layer1"}, "they need `pruning` among --terms"),
        ({"steps": 5, "batches": 5}, "--steps and --batches: expected one of them"),
        ({"batches": 0}, "--batches 0: expected more than 0"),
        ({"batches": 14}, "--batches 14: expected at least one for each of 15 epochs"),
        ({"batches": 1500}, "expected 1 to 1 in each, which is what the data has"),
        ({"head_only": True}, "needs the whole model's weights"),
        ({"cut": "layer9"}, "no point 'layer9'"),
        ({"room": "layer9"}, "Narrow has no point 'layer9'"),
        ({"room": "layer2.0"}, "--room layer2.0 holds the head up to layer2.0 as it is"),
        ({"cut": "input"}, "that can be removed"),
        ({"target": "resnet18"}, "has random weights"),
        ({"target": "yolo-streetcam"}, "neither classes nor an embedding"),
        ({"target": "resnet18-streetcam-patrol-small"}, "is pruned already"),
        ({"target": "pruned:somewhere"}, "no folder somewhere"),
        ({"stages": ("8",)}, "expected SIDE:EPOCHS"),
        ({"rest": ("8",)}, "expected SIDE:EPOCHS"),
    ],
)
def test_bad_flags_are_explained(flags: dict, message: str, result: Path) -> None:
    given = {"target": TARGET, "cut": "layer2", "data": str(result.parent / "data"), "out": result.parent / "bad"}
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        patrol(PatrolSettings(**{**given, **flags}))


def test_data_of_other_classes_is_refused(result: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for split_name in ("train", "val"):
        for number in range(2):
            folder = tmp_path / split_name / f"class-{number}"
            folder.mkdir(parents=True)
            source = result.parent / "data" / split_name / f"class-{number}" / "0.png"
            (folder / "0.png").write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="has 2 classes; the target has 3: name the data"):
        patrol(PatrolSettings(target=TARGET, cut="layer2", data=str(tmp_path), out=tmp_path / "out"))
