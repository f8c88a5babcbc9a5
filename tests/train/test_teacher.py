"""Re-identification with a teacher."""

import math
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn
from torch.nn import functional as F

from keyhole.evaluation.reidentification import embed
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.neck import bn_neck
from keyhole.targets.stored_weights import read_card
from keyhole.targets.target import Target, TargetError
from keyhole.train.command import train
from keyhole.train.loop import train_task
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.teacher import Teaching, load_teacher, teach
from tests.train.making import PREPROCESS, boards, files, lesson, trial


def test_the_loss_is_one_less_the_cosine_to_what_the_teacher_said_of_the_same_picture() -> None:
    teaching = Teaching(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]), weight=5.0)
    learnt = torch.tensor([[3.0, 4.0], [0.0, -2.0]])
    expected = 5.0 * ((1 - (0.6 * 0.6 + 0.8 * 0.8)) + (1 + 1)) / 2
    assert float(teaching.loss(learnt, torch.tensor([2, 1]))) == pytest.approx(expected, abs=1e-6)


def test_a_pupil_learns_to_answer_as_its_teacher(tmp_path: Path) -> None:
    data, tested = boards(24, 4, seed=0), trial(boards(6, 4, seed=1), 4)
    colours = data.pictures.float().mean(dim=(2, 3))
    teaching = Teaching(F.normalize(colours - colours.mean(0)), weight=10.0)

    def cosine(weight: float) -> float:
        task = lesson(data, tested, 8, Teaching(teaching.embeddings, weight))
        train_task(task, tmp_path / str(weight))
        inputs = PREPROCESS.normalise(data.pictures / 255)
        guessed = task.module.eval()(inputs).taught.detach()
        return float(F.cosine_similarity(guessed, teaching.embeddings).mean())

    taught, untaught = cosine(10.0), cosine(0.0)
    assert taught > 0.8
    assert taught > untaught + 0.2


def test_the_command_asks_the_teacher_and_the_card_tells_how_it_was_made(tmp_path: Path) -> None:
    files(tmp_path / "data", boards(8, 4, seed=0))
    common = {
        "data": str(tmp_path / "data"), "task": "re-identification", "size": 32, "batch": 8, "workers": 0,
        "stages": ("32:1",), "per_identity": 2, "part": "all",
    }  # fmt: skip
    assert train(TrainSettings(out=tmp_path / "teacher", **common)) == 0  # type: ignore[arg-type]
    assert train(TrainSettings(out=tmp_path / "pupil", teacher=tmp_path / "teacher", **common)) == 0  # type: ignore[arg-type]
    cards = read_card(tmp_path / "teacher"), read_card(tmp_path / "pupil")
    assert cards[1].recipe["teacher"] == cards[0].recipe
    assert math.isfinite(cards[1].figures["rank_1"])

    teacher = load_teacher(tmp_path / "teacher")
    pictures = boards(2, 2, seed=5).pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)
    said = teach(teacher, pictures, 1.0, tmp_path / "kept", Console()).embeddings
    torch.testing.assert_close(said, F.normalize(embed(teacher.model, pictures, teacher.preprocess)))
    torch.testing.assert_close(said.norm(dim=1), torch.ones(4))


def test_a_teacher_is_asked_once_for_the_same_pictures(tmp_path: Path) -> None:
    asked = []
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4), bn_neck(4))
    network.register_forward_pre_hook(lambda _module, inputs: asked.append(len(inputs[0])))
    teacher = Target("teacher", network, PREPROCESS, (), 4, "CC0-1.0", "random")
    pictures = boards(3, 2, seed=5).pictures.repeat_interleave(4, 2).repeat_interleave(4, 3)
    first, again = (teach(teacher, pictures, weight, tmp_path, Console()) for weight in (1.0, 2.0))
    assert torch.equal(first.embeddings, again.embeddings)
    assert (again.weight, asked) == (2.0, [6])
    other = teach(teacher, 255 - pictures, 1.0, tmp_path, Console())
    assert asked == [6, 6]
    assert not torch.equal(other.embeddings, first.embeddings)


def test_a_classifier_is_no_teacher() -> None:
    with pytest.raises(TargetError, match="answers with classes"):
        load_teacher(SHIPPED / "resnet18-tinyimagenet")
