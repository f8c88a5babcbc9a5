"""A training that is stopped anywhere goes on as if it had not been, and says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from keyhole.service.errors import UsageError
from keyhole.train import checkpoint
from keyhole.train.checkpoint import TrainingCheckpoint
from keyhole.train.loop import Round, train_task
from tests.train.test_classifier import lesson, striped


def interrupted(task, at: int):
    """The task, with Ctrl-C pressed in the step of that number."""
    loss, steps = task.loss, []

    def pressed(answers, labels):
        steps.append(None)
        if len(steps) == at:
            raise KeyboardInterrupt
        return loss(answers, labels)

    task.loss = pressed
    return task


def test_a_run_that_is_stopped_within_an_epoch_says_what_is_kept_and_ends_as_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, unseen = striped(96, 0), striped(32, 1)
    unbroken = train_task(lesson(data, unseen, 2), tmp_path / "a")
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt, match=r"8 of 12 steps are kept in .*b/checkpoint, and the same command"):
        train_task(interrupted(lesson(data, unseen, 2), 9), tmp_path / "b")
    resumed = train_task(lesson(data, unseen, 2), tmp_path / "b")
    for name, value in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)


def test_within_a_minute_nothing_is_written(tmp_path: Path):
    data, unseen = striped(96, 0), striped(32, 1)
    with pytest.raises(KeyboardInterrupt, match="0 of 12 steps"):
        train_task(interrupted(lesson(data, unseen, 2), 5), tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_a_checkpoint_that_does_not_say_where_it_stands_is_not_started_over(tmp_path: Path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "epochs").write_text("3")
    with pytest.raises(UsageError, match="remove it to start over"):
        train_task(lesson(striped(96, 0), striped(32, 1), 1), tmp_path)
    assert (tmp_path / "checkpoint" / "epochs").read_text() == "3"


def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path):
    data, unseen = striped(96, 0), striped(32, 1)
    train_task(lesson(data, unseen, 1), tmp_path, origin={"--init": "one", "--data": "stripes"})
    with pytest.raises(UsageError, match=r"is of another training \(--init was one and is two\).*to start over"):
        train_task(lesson(data, unseen, 1), tmp_path, origin={"--init": "two", "--data": "stripes"})
    other = lesson(data, unseen, 1)
    other.recipe = replace(other.recipe, learning_rate=0.2)
    with pytest.raises(UsageError, match=r"\(learning_rate was 0.1 and is 0.2\)"):
        train_task(other, tmp_path)
    assert train_task(lesson(data, unseen, 1), tmp_path, origin={"--init": "one", "--views": 3})
    (tmp_path / "checkpoint" / "facts.json").unlink()  # as earlier versions left it
    assert train_task(other, tmp_path)


def test_a_run_that_is_stopped_after_its_last_line_calls_what_comes_after_again(tmp_path: Path):
    data, unseen = striped(96, 0), striped(32, 1)
    kept: list[int] = []

    def stopped(_module: nn.Module, _done: Round) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_task(lesson(data, unseen, 1), tmp_path, stopped)
    train_task(lesson(data, unseen, 1), tmp_path, lambda _, done: kept.append(done.steps))
    assert kept == [6]


@pytest.mark.parametrize("when", ["writing", "written", "swapping"])
def test_a_process_that_is_killed_while_it_saves_leaves_a_whole_checkpoint(tmp_path: Path, when: str):
    def at(weight: float) -> tuple[nn.Module, TrainingCheckpoint]:
        accelerator = Accelerator()
        module = accelerator.prepare(nn.Linear(1, 1, bias=False))
        nn.init.constant_(module.weight, weight)
        return module, TrainingCheckpoint(accelerator, tmp_path / "checkpoint")

    at(1.0)[1].save(1)
    newer = tmp_path / "newer"
    shutil.copytree(tmp_path / "checkpoint", newer)
    at(2.0)[1].save(2)
    folder, following, last = (tmp_path / name for name in ("checkpoint", "checkpoint.next", "checkpoint.last"))
    folder.rename(following)
    newer.rename(folder)
    if when == "writing":
        (following / "steps").unlink()
    if when == "swapping":
        folder.rename(last)
    module, found = at(3.0)
    steps = found.load()
    assert steps == (2 if when == "swapping" else 1)
    assert float(module.weight.detach()) == steps
    found.save(5)
    assert at(0.0)[1].load() == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint"]
