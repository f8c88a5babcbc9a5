from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scipy.ndimage import gaussian_filter

from keyhole.judge.judge import VehicleEmbedder
from keyhole.judge.loading import load_judge
from keyhole.judge.thresholds import read_legibility
from keyhole.service.errors import UsageError
from keyhole.train.judge import embedding, reading
from keyhole.train.judge.command import JudgeRecipe, judge, train_judge
from keyhole.train.judge.degradation import blur, degrade
from keyhole.train.judge.embedding import EmbedderRecipe, EmbedderTask, TeacherRecipe, split_vehicles, taught_by_teacher
from keyhole.train.judge.pictures import UNKNOWN, DrawingPlan, TruePictures, true_pictures
from keyhole.train.judge.reading import ReadingRecipe
from keyhole.train.judge.settings import JudgeSettings
from keyhole.train.tasks.teacher import Teaching

PLAN = DrawingPlan(identities=4, views=2, near=8, seed=0)
RECIPE = JudgeRecipe(
    ReadingRecipe(steps=4, batch=4, every=2),
    TeacherRecipe(stages=((32, 2),), batch=4, per_identity=2),
    EmbedderRecipe(stages=((32, 4),), batch=4, per_identity=2),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TruePictures:
    return true_pictures(PLAN, tmp_path_factory.mktemp("drawn"), workers=0)


def telling_apart(data: TruePictures, recipe: EmbedderRecipe) -> EmbedderTask:
    train, trial = split_vehicles(data)
    says = Teaching(torch.eye(len(train.pictures)), recipe.teaching)
    return EmbedderTask(VehicleEmbedder(), train, trial, recipe, says)


def test_pictures_come_with_their_secrets(data: TruePictures) -> None:
    assert data.pictures.shape == (16, 3, 128, 128)
    assert data.identities.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] + [UNKNOWN] * 8
    readable = data.plates[:, 0] != UNKNOWN
    assert readable[8:].any()
    assert ((data.plates >= 0) == readable[:, None]).all()
    widths = (data.corners[readable, 1] - data.corners[readable, 0]).norm(dim=1)
    assert widths.min() >= 26
    assert (data.drivers[:, 0] != UNKNOWN).any()
    assert data.passengers.max() <= 1


def test_pictures_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = DrawingPlan(identities=1, views=2, near=1, seed=3)
    first = true_pictures(plan, tmp_path, workers=0)
    with monkeypatch.context() as patch:
        patch.setattr("keyhole.train.judge.pictures.Streetcam", None)
        again = true_pictures(plan, tmp_path, workers=0)
    assert torch.equal(first.pictures, again.pictures)
    other = true_pictures(dataclasses.replace(plan, near=2), tmp_path, workers=0)
    assert len(other.pictures) == 4


@pytest.mark.parametrize("stopped", [reading, embedding])
def test_a_stopped_run_ends_where_an_unbroken_one_does(
    stopped: ModuleType, data: TruePictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train_judge(data, RECIPE, tmp_path / "a")

    class KilledError(Exception):
        pass

    calls: list[None] = []

    def killed_in_the_third_step(*arguments: object) -> torch.Tensor:
        calls.append(None)
        if len(calls) > 2:
            raise KilledError
        return degrade(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stopped, "degrade", killed_in_the_third_step)
        with pytest.raises(KilledError):
            train_judge(data, RECIPE, tmp_path / "b")
    resumed = train_judge(data, RECIPE, tmp_path / "b")
    assert not resumed.training
    for name, value in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)


def test_pictures_that_show_nothing_are_refused(data: TruePictures, tmp_path: Path) -> None:
    hidden = {name: torch.full_like(getattr(data, name), UNKNOWN) for name in ("plates", "drivers", "passengers")}
    with pytest.raises(ValueError, match="draw more near ones"):
        train_judge(dataclasses.replace(data, **hidden), RECIPE, tmp_path)


def test_the_command_leaves_a_judge_with_its_card(tmp_path: Path) -> None:
    settings = JudgeSettings(
        out=tmp_path,
        identities=4,
        views=2,
        near=4,
        steps=2,
        teacher_stages=("32:1",),
        stages=("64:1",),
        batch=4,
        every=2,
        audit=2,
        thumbnails=10,
        workers=0,
    )
    assert judge(settings) == 0
    load_judge(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    assert {"identity_rank_1", "hat_accuracy", "hat_majority"} <= set(card["figures"])
    assert card["recipe"]["identities"] == 4
    assert card["recipe"]["telling"]["stages"] == [[64, 1]]
    assert card["recipe"]["teacher"]["stages"] == [[32, 1]]
    assert "public" in card["data"]
    legible = read_legibility(tmp_path)
    assert legible is not None
    assert (legible.pictures, legible.seed, legible.judge) == (10, 1, card["sha256"])


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"views": 25}, {"clean": 1.5}])
def test_wrong_settings_say_what_was_expected(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected"):
        JudgeSettings(out=Path("x"), **wrong)  # type: ignore[arg-type]


def test_spoiling_is_seeded_keeps_the_range_and_leaves_the_clean_alone() -> None:
    pictures = torch.rand(8, 3, 24, 24)
    first, again = (degrade(pictures, torch.Generator().manual_seed(1), clean=0.0) for _ in range(2))
    assert torch.equal(first, again)
    assert first.min() >= 0
    assert first.max() <= 1
    assert not torch.equal(first, pictures)
    assert torch.equal(degrade(pictures, torch.Generator().manual_seed(1), clean=1.0), pictures)


def test_each_picture_is_blurred_by_its_own_width() -> None:
    pictures = torch.rand(2, 3, 20, 24, dtype=torch.float64)
    made = blur(pictures, torch.tensor([0.5, 1.5], dtype=torch.float64))
    for picture, blurred, deviation in zip(pictures, made, (0.5, 1.5), strict=True):
        for channel, shown in zip(picture, blurred, strict=True):
            expected = gaussian_filter(channel.numpy(), deviation, mode="mirror", radius=6)
            torch.testing.assert_close(shown, torch.from_numpy(expected))


def test_vehicles_are_told_apart_by_those_that_are_not_kept_for_the_trial(data: TruePictures) -> None:
    task = telling_apart(data, RECIPE.telling)
    assert task.tested_on == {"selection_identities": 2, "selection_pictures": 4, "selection_probes": 2}
    (batch,) = task.batches(32, torch.Generator().manual_seed(0))
    assert batch.inputs.shape == (4, 3, 32, 32)
    assert sorted(batch.labels.tolist()) == [0, 1, 2, 3]


def test_pictures_to_tell_apart_are_spoilt(data: TruePictures) -> None:
    recipe = dataclasses.replace(RECIPE.telling, crop=1.0, colour=0.0, erase=0.0)
    tasks = [telling_apart(data, dataclasses.replace(recipe, clean=clean)) for clean in (1.0, 0.0)]
    clean, spoilt = (next(task.batches(128, torch.Generator().manual_seed(0))).inputs for task in tasks)
    assert (clean - spoilt).abs().mean() > 0.01


def test_the_teacher_says_something_of_each_picture_and_learns_nothing_anew(data: TruePictures, tmp_path: Path) -> None:
    train, trial = split_vehicles(data)
    first = taught_by_teacher(train, trial, RECIPE.teacher, tmp_path)
    torch.testing.assert_close(first.embeddings.norm(dim=1), torch.ones(4))
    assert first.weight == RECIPE.teacher.teaching
    assert len({tuple(said.tolist()) for said in first.embeddings}) == 4
    weights = (tmp_path / "checkpoint" / "model.safetensors").read_bytes()
    again = taught_by_teacher(train, trial, RECIPE.teacher, tmp_path)
    assert torch.equal(first.embeddings, again.embeddings)
    assert (tmp_path / "checkpoint" / "model.safetensors").read_bytes() == weights
