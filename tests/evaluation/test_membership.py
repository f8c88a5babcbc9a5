"""Nobody whom a target was trained on is attacked, or it is said of how many."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from keyhole.bench.plan import resolve
from keyhole.bench.settings import PlanSettings
from keyhole.data import open_collection
from keyhole.data.identities import identities_of
from keyhole.evaluation.command import attack
from keyhole.evaluation.settings import AttackSettings
from keyhole.service.errors import UsageError
from keyhole.targets.membership import RECORD, TrainedOn
from keyhole.targets.settings import ModelSettings
from keyhole.train.command import train
from keyhole.train.defences.command import defence
from keyhole.train.defences.settings import DefenceSettings
from keyhole.train.settings import TrainSettings
from tests.train.making import boards, files

PEOPLE = 30


def target_of(root: Path, name: str, **flags: str) -> Path:
    out = root / name
    small = {"size": 16, "stages": ("16:1",), "batch": 8, "workers": 0}
    settings = TrainSettings(data=str(root / "people"), out=out, task="re-identification", **small, **flags)  # type: ignore[arg-type]
    assert train(settings) == 0
    return out


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of people; a target of its pool ``private``, and one of the whole."""
    root = tmp_path_factory.mktemp("members")
    files(root / "people", boards(PEOPLE, 3, seed=0))
    target_of(root, "apart")
    target_of(root, "mixed", part="all")
    return root


def attacked(root: Path, target: str, out: Path, **flags: str) -> dict[str, object]:
    """What `keyhole attack` says of a run with one step on twelve pictures."""
    settings = AttackSettings(
        target=target,
        cut="layer1",
        source=str(root / "people"),
        public=str(root / "people"),
        n=12,
        iterations=1,
        json=out / "scores.json",
        **flags,
    )
    assert attack(settings) == 0
    run: dict[str, object] = json.loads((out / "scores.json").read_text())
    return run


def test_by_default_nobody_who_was_trained_on_is_attacked(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    people = str(root / "people")
    pools = {pool: set(identities_of(open_collection(people, pool))) for pool in ("private", "public", "audit")}
    trained = TrainedOn.read(root / "apart")
    assert 0 < len(trained.keys) < len(pools["private"])
    assert len(trained.among(people, sorted(pools["private"]))) == len(trained.keys)
    assert trained.among(people, sorted(pools["audit"] | pools["public"])) == []
    run = attacked(root, str(root / "apart"), tmp_path)
    assert run["trained_on"] == {"pictures": 12, "of_training_identities": 0, "training_identities": 0}
    assert "was trained on" not in caplog.text


@pytest.mark.parametrize("how", ["folder", "weights"])
def test_attacked_people_who_were_trained_on_are_counted(
    how: str, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    named = {
        "folder": (str(root / "mixed"), {}),
        "weights": ("resnet18", {"weights": str(root / "mixed/model.safetensors")}),
    }
    target, flags = named[how]
    size = {} if how == "folder" else {"size": 16}
    with caplog.at_level(logging.WARNING):
        run = attacked(root, target, tmp_path, **flags, **size)  # type: ignore[arg-type]
    counts = run["trained_on"]
    assert isinstance(counts, dict)
    assert 0 < counts["of_training_identities"] <= 12
    assert 0 < counts["training_identities"] <= counts["of_training_identities"]
    said = f"{counts['of_training_identities']} of the 12 attacked pictures of {root / 'people'} show "
    assert said in caplog.text
    assert "Train on the pool private" in caplog.text


def test_a_plan_of_the_benchmark_says_so_before_anything_runs(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    people = str(root / "people")
    flags = {
        "source": people,
        "public": people,
        "identities": people,
        "attacks": ("pixels-white",),
        "cuts": ("layer1",),
    }
    resolve(PlanSettings(targets=(str(root / "apart"),), **flags))  # type: ignore[arg-type]
    assert "was trained on" not in caplog.text
    resolve(PlanSettings(targets=(str(root / "mixed"),), **flags))  # type: ignore[arg-type]
    assert "was trained on" in caplog.text


def test_a_defended_target_was_trained_on_those_of_the_target_too(root: Path, tmp_path: Path) -> None:
    settings = DefenceSettings(
        method="nopeek",
        target=str(root / "mixed"),
        cut="layer1",
        data=str(root / "people"),
        out=tmp_path / "defended",
        epochs=1,
        steps=1,
        batch=8,
        workers=0,
    )
    assert defence(settings) == 0
    both = TrainedOn.of_target(ModelSettings(target=f"defended:{tmp_path / 'defended'}"))
    before = TrainedOn.read(root / "mixed")
    assert both == before | TrainedOn.read(root / "apart")
    assert len(both.keys) > len(TrainedOn.read(root / "apart").keys)


def test_data_sets_keep_their_people_apart_and_a_damaged_record_is_named(tmp_path: Path) -> None:
    trained = TrainedOn.of("market1501:somewhere", ["0001", "0002"])
    assert trained.among("market1501:elsewhere", ["0001", "0003", None]) == ["0001"]
    assert trained.among("veri:somewhere", ["0001"]) == []
    trained.write(tmp_path)
    assert TrainedOn.read(tmp_path) == trained
    assert "0001" not in (tmp_path / RECORD).read_text()
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(UsageError, match=RECORD):
        TrainedOn.read(tmp_path)
