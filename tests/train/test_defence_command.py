"""`keyhole train defence`: what it leaves, that it resumes, and what it refuses."""

from pathlib import Path

import pytest
import torch

from keyhole.defences import defence_named
from keyhole.defences.registry import TRAINED
from keyhole.partition import partitioned
from keyhole.partition.pruning.plan import read_plan
from keyhole.service.errors import UsageError
from keyhole.targets import ModelSettings, load_target
from keyhole.targets.stored_weights import read_card
from keyhole.train.defences.command import defence
from keyhole.train.defences.patrol.command import patrol
from keyhole.train.defences.patrol.settings import PatrolSettings
from keyhole.train.defences.registry import METHODS, method_named
from keyhole.train.defences.settings import DefenceSettings
from tests.train.patrol_making import REIDENTIFICATION, SIDE, class_folders

TARGET = "tests.train.patrol_making:target"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("data"))


def settings(data: Path, out: Path, **changes: object) -> DefenceSettings:
    given = {"target": TARGET, "cut": "layer1", "method": "nopeek", "data": str(data), "out": out, "epochs": 2}
    return DefenceSettings(**{**given, "batch": 16, "learning_rate": 0.01, **changes})


def test_the_result_is_a_target_that_every_process_can_load(data: Path, tmp_path: Path) -> None:
    assert defence(settings(data, tmp_path / "out")) == 0
    name = f"defended:{tmp_path}/out"
    target = load_target(name)
    assert target.hash == load_target(name).hash
    assert target.defence == "nopeek"
    assert target.labels == ("class-0", "class-1", "class-2")
    card = read_card(tmp_path / "out")
    assert card.architecture == TARGET
    assert {"top1", "top1_fp32", "top1_undefended"} <= card.figures.keys()
    assert (card.recipe["method"], card.recipe["weight"], card.recipe["batch"]) == ("nopeek", 1.0, 16)
    loaded, parts = partitioned(ModelSettings(target=name, cut="layer1"))
    inputs = torch.rand(2, 3, SIDE, SIDE)
    assert torch.equal(parts.tail(parts.head(inputs)), loaded.model(inputs))


@pytest.mark.parametrize(("method", "companion"), [("nopeek", 0), ("app:turns=2", 14), ("skip", 0)])
def test_a_method_takes_as_many_batches_as_it_is_told(method: str, companion: int, data: Path, tmp_path: Path) -> None:
    told = settings(data, tmp_path / "out", method=method, epochs=None, steps=2, batches=7)
    assert defence(told) == 0
    card = read_card(tmp_path / "out")
    assert card.recipe["spent"] == {"batches": 7, "pictures": 112, "model_steps": 7, "companion_steps": companion}
    assert (tmp_path / "out" / "checkpoint" / "steps").read_text() == "7"


def test_what_was_pruned_before_stays_gone(data: Path, tmp_path: Path) -> None:
    pruning = PatrolSettings(
        target=TARGET,
        cut="layer2",
        ratio=0.5,
        terms=("pruning",),
        data=str(data),
        out=tmp_path / "pruned",
        batch=8,
        batches=4,
        stages=("16:1",),
        rest=("16:1",),
    )
    assert patrol(pruning) == 0
    pruned = f"pruned:{tmp_path / 'pruned'}"
    given = {"target": pruned, "cut": "layer2", "epochs": None, "batches": 2}
    assert defence(settings(data, tmp_path / "out", method="skip:share=0.3", **given)) == 0
    before, after = (load_target(name) for name in (pruned, f"defended:{tmp_path / 'out'}"))
    plans = [read_plan(tmp_path / name) for name in ("pruned", "out")]
    assert plans[1].removed[:-1] == plans[0].removed
    assert plans[1].removed[-1].kind == "connection"
    assert (before.defence, after.defence) == ("pruning", "pruning+skip")
    shapes = [{name: value.shape for name, value in target.model.state_dict().items()} for target in (before, after)]
    assert shapes[0] == shapes[1] | {name: shape for name, shape in shapes[0].items() if "downsample" in name}
    assert read_card(tmp_path / "out").architecture == TARGET


def test_another_target_may_be_the_teacher(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = {**REIDENTIFICATION, "cut": "layer1", "pictures": tmp_path}
    assert defence(DefenceSettings(**common, method="skip", out=tmp_path / "skipped", epochs=0)) == 0
    again = {**common, "target": f"defended:{tmp_path / 'skipped'}", "method": "nopeek", "batches": 2}
    embeddings = []
    for name, teacher in (("own", None), ("whole", REIDENTIFICATION["target"])):
        assert defence(DefenceSettings(**again, out=tmp_path / name, teacher=teacher)) == 0
        embeddings.append((tmp_path / "teacher.safetensors").read_bytes())
    assert embeddings[0] != embeddings[1]
    assert capsys.readouterr().out.count("asking the teacher") == 3  # once for the pruned target's own classifier


def test_a_method_of_ones_own_is_named_by_its_class(data: Path, tmp_path: Path) -> None:
    name = "tests.train.defence_making:Shrinking"
    assert defence(settings(data, tmp_path / "out", method=f"{name}:weight=0.5", epochs=1)) == 0
    target, card = load_target(f"defended:{tmp_path}/out"), read_card(tmp_path / "out")
    assert (target.defence, card.recipe["method"], card.recipe["weight"]) == (name, name, 0.5)
    with pytest.raises(UsageError, match=r"weight=much is no float"):
        method_named(f"{name}:weight=much")
    for other, reason in (
        ("tests.train.defence_making:split_of", "expected a dataclass"),
        ("nowhere:X", "cannot load"),
    ):
        with pytest.raises(UsageError, match=reason):
            method_named(other)


@pytest.mark.parametrize(("epochs", "asked"), [(1, True), (0, False)])
def test_a_re_identification_is_taught_by_what_it_was(
    epochs: int, asked: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = DefenceSettings(**REIDENTIFICATION, method="skip", cut="layer1", out=tmp_path / "out", epochs=epochs)
    assert defence(given) == 0
    card = read_card(tmp_path / "out")
    assert {"rank_1", "rank_1_undefended"} <= card.figures.keys()
    assert card.recipe["teaching"] == 10.0
    assert ("asking the teacher" in capsys.readouterr().out) is asked


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"method": "nopek"}, "unknown method 'nopek': did you mean nopeek"),
        ({"method": "nopeek:alpha=1"}, r"no setting 'alpha' with a value; settings of nopeek: weight \(float\)"),
        ({"method": "nopeek:weight=-1"}, "weight=-1.0: expected a finite number, 0 or more"),
        ({"method": "app:distance=lpips"}, "distance=lpips: expected one of mse, ssim"),
        ({"method": "app:turns=0"}, "turns=0: expected a finite number, 1 or more"),
        ({"method": "disco:share=1"}, "share=1.0: expected a finite number, 0 or more and at most 0.999"),
        ({"method": "shredder:start=9"}, "start=9.0: expected more than 0 and less than most=5.0"),
        ({"method": "shredder:distribution=cauchy"}, "expected one of gaussian, laplace"),
        ({"method": "noise-aware:defence=gausian:scale=1"}, "unknown defence 'gausian': did you mean gaussian"),
        ({"method": "skip:dropped=all"}, "dropped=all: expected one of connections, mappings"),
        ({"epochs": 0}, "--epochs 0: expected 1 or more"),
        ({"batch": 0}, "--batch 0: expected more than 0"),
        ({"head_only": True}, "trained with the whole model's weights"),
        ({"cut": "layer9"}, "no point 'layer9'"),
        ({"target": "resnet18"}, "has random weights"),
        ({"target": "yolo-streetcam"}, "neither classes nor an embedding"),
        ({"target": "pruned:somewhere"}, "no folder somewhere"),
    ],
)
def test_bad_flags_are_explained(flags: dict, message: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        defence(settings(data, tmp_path / "bad", **flags))


def test_a_defence_by_training_that_is_asked_for_as_one_at_run_time_says_where_it_is() -> None:
    assert TRAINED.keys() == {"patrol", "pruning", *METHODS}
    for name in TRAINED:
        with pytest.raises(UsageError, match=f"{name} is trained into the target.*--target .*`keyhole train"):
            defence_named(f"{name}:share=0.5")
