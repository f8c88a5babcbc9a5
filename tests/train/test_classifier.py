from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from keyhole.data.labelled import LabelledPictures
from keyhole.targets.target import Preprocess
from keyhole.train.augment import random_resized_crop
from keyhole.train.loop import train_task
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.tasks.classification import Classification, top_k

PREPROCESS = Preprocess(16)


def striped(count: int, seed: int) -> LabelledPictures:
    """Class 0: horizontal stripes, class 1: vertical ones."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    stripes = (torch.arange(16) // 4 % 2 * 160).expand(3, 16, 16)
    pictures = torch.stack([stripes if label else stripes.transpose(1, 2) for label in labels])
    noise = torch.randint(0, 90, pictures.shape, generator=generator)
    return LabelledPictures((pictures + noise).to(torch.uint8), labels, ("across", "down"))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def lesson(train: LabelledPictures, validation: LabelledPictures, epochs: int) -> Classification:
    recipe = TrainingRecipe(stages=((16, epochs),), batch=16, learning_rate=0.1, ema=0.9)
    return Classification(network(), train, validation, PREPROCESS, recipe)


def test_it_learns_what_can_be_learned(tmp_path: Path):
    data, unseen = striped(128, 0), striped(64, 1)
    before = top_k(network(), unseen, PREPROCESS)
    trained = train_task(lesson(data, unseen, 6), tmp_path)
    assert before < 80
    assert top_k(trained, unseen, PREPROCESS) > 95


def test_a_stopped_run_ends_where_an_unbroken_one_does(tmp_path: Path, monkeypatch):
    data, unseen = striped(64, 0), striped(32, 1)
    unbroken = train_task(lesson(data, unseen, 3), tmp_path / "a")

    class KilledError(Exception):
        pass

    calls = []

    def killed_after_two(*args, **kwargs):
        calls.append(None)
        if len(calls) == 3:
            raise KilledError
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr("keyhole.train.tasks.classification.top_k", killed_after_two)
        with pytest.raises(KilledError):
            train_task(lesson(data, unseen, 3), tmp_path / "b")
    resumed = train_task(lesson(data, unseen, 3), tmp_path / "b")
    for name, value in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)


def test_a_last_picture_alone_waits_for_another_epoch() -> None:
    task = lesson(striped(33, 0), striped(16, 1), 1)
    assert task.steps == 2
    assert [len(batch.labels) for batch in task.batches(16, torch.Generator().manual_seed(0))] == [16, 16]


def test_what_is_chosen_by_is_not_what_is_reported() -> None:
    data = LabelledPictures(torch.arange(11)[:, None, None, None].to(torch.uint8), torch.tensor([0, 1] * 5 + [0]), ())
    chosen = data.for_selection()
    assert chosen is not None
    assert chosen.pictures.flatten().tolist() == [6, 7]
    assert data.for_report().pictures.flatten().tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10]
    few = LabelledPictures(data.pictures[:6], data.labels[:6], ())
    assert few.for_selection() is None
    assert torch.equal(few.for_report().pictures, few.pictures)


def test_the_card_tells_of_the_report_and_epochs_of_the_selection() -> None:
    unseen = striped(16, 1)
    wrong = torch.arange(16) % 8 >= 6  # what is chosen by
    task = lesson(striped(32, 0), LabelledPictures(unseen.pictures, unseen.labels ^ wrong, unseen.names), 1)

    class Knowing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            down = inputs.std(2).mean((1, 2)) < inputs.std(3).mean((1, 2))
            return nn.functional.one_hot(down.long(), 2).float()

    assert task.figures(Knowing()) == {"top1": 100, "top5": 100, "top1_selection": 0}
    assert task.assess(Knowing(), 16) == "top-1 0.0 %"
    assert task.tested_on == {"pictures": 12, "selection_pictures": 4}


def test_crops_keep_the_range_and_are_seeded():
    pictures = torch.rand(6, 3, 20, 20)
    first, again = (random_resized_crop(pictures, 12, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (6, 3, 12, 12)
    assert torch.equal(first, again)
    assert pictures.min() <= first.min()
    assert first.max() <= pictures.max()


@pytest.mark.parametrize("size", [(24, 12), (12, 24), 16])
def test_crops_keep_proportions(size):
    """On a plane whose brightness is the place, a step to the right is as long as a step down."""
    across = torch.linspace(0, 1, 64).expand(64, 64)
    pictures = torch.stack([across, across.T, across])[None].expand(200, -1, -1, -1)
    crops = random_resized_crop(pictures, size, torch.Generator().manual_seed(0))
    right = (crops[:, 0, :, 1:] - crops[:, 0, :, :-1]).abs().flatten(1).median(1).values
    down = (crops[:, 1, 1:] - crops[:, 1, :-1]).abs().flatten(1).median(1).values
    assert float((right / down).log().mean()) == pytest.approx(0, abs=0.06)
    assert float((right / down).log().abs().max()) < 0.35


def test_pictures_of_several_sizes_are_refused(tmp_path: Path):
    from PIL import Image

    for number, side in enumerate((8, 9)):
        path = tmp_path / "train" / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side, side)).save(path)
    with pytest.raises(ValueError, match="resize them to one"):
        LabelledPictures.load(tmp_path, "train")


def test_broken_pictures_of_a_class_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "train/cat/2.png").write_bytes(b"<html>")
    (tmp_path / "train/cat/._1.png").write_bytes(b"litter")
    data = LabelledPictures.load(tmp_path, "train")
    assert data.names == ("cat", "dog")
    assert data.labels.tolist() == [0, 1]
    assert len(caplog.records) == 1
    assert "cat/2.png: not a picture" in caplog.text


def test_pictures_outside_of_the_classes_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "train/1.png")
    with pytest.raises(ValueError, match="expected a folder of pictures for each class"):
        LabelledPictures.load(tmp_path, "train")
