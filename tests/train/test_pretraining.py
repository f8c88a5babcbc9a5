"""Pretraining: its loss, what is held back, what it learns, and what starts from it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.utils import save_image

from keyhole.service.errors import UsageError
from keyhole.targets.load import load_target
from keyhole.targets.membership import TrainedOn
from keyhole.targets.stored_weights import load_weights, read_card
from keyhole.train.augment import greyed
from keyhole.train.command import train
from keyhole.train.loop import train_task
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.pretraining import Pretraining, PretrainingRecipe
from tests.train.making import PREPROCESS, SIDE, boards, network
from tests.train.test_start import folders


def lesson(pictures: torch.Tensor, epochs: int = 1, batch: int = 16) -> Pretraining:
    recipe = PretrainingRecipe(stages=((SIDE, epochs),), batch=batch, learning_rate=0.01, ema=0.9, colour=0.1, grey=0.1)
    return Pretraining(network(), pictures, PREPROCESS, recipe)


def test_the_loss_is_that_of_the_paper() -> None:
    """Eq. 1 of SimCLR, written out."""
    task = lesson(boards(24, 1, 0).pictures)
    projections = np.random.default_rng(0).normal(size=(8, 5))
    unit = projections / np.linalg.norm(projections, axis=1, keepdims=True)
    likeness = np.exp(unit @ unit.T / 0.2)
    total = 0.0
    for view in range(8):
        others = likeness[view].sum() - likeness[view, view]
        total -= np.log(likeness[view, (view + 4) % 8] / others)
    loss = task.loss(torch.tensor(projections), torch.arange(4).repeat(2))
    assert float(loss) == pytest.approx(total / 8, rel=1e-5)


def test_a_batch_has_two_views_of_each_picture_and_none_that_is_held_back() -> None:
    pictures = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(60, 3, SIDE, SIDE) * 4
    task = lesson(pictures)
    plain = PretrainingRecipe(stages=((SIDE, 1),), batch=16, colour=0.0, erase=0.0, grey=0.0)
    task.recipe = plain
    (first, *_), seen = list(task.batches(SIDE, torch.Generator().manual_seed(0))), set()
    assert first.inputs.shape == (32, 3, SIDE, SIDE)
    assert torch.equal(first.labels[:16], first.labels[16:])
    for epoch in range(8):
        for batch in task.batches(SIDE, torch.Generator().manual_seed(epoch)):
            seen |= set((PREPROCESS.restore(batch.inputs) * 255 / 4).mean((1, 2, 3)).round().int().tolist())
    held_back = {int(value) // 4 for part in (task._selection, task._report) for value in part[:, 0, 0, 0]}
    assert len(held_back) == 6
    assert seen == set(range(60)) - held_back


def test_it_learns_to_find_pictures_again(tmp_path: Path) -> None:
    pictures = boards(400, 1, 0).pictures
    before = lesson(pictures).figures(network())["found_again"]
    task = lesson(pictures, epochs=6)
    after = task.figures(train_task(task, tmp_path))["found_again"]
    assert after > before + 10


def test_a_classifier_of_other_pictures_starts_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["keyhole", "train", "target"])
    for number, picture in enumerate(boards(24, 1, 0).pictures):
        path = tmp_path / "faces" / "public" / f"person-{number}" / "0.png"
        path.parent.mkdir(parents=True)
        save_image(picture / 255, path)
    common = {"architecture": "narrow:resnet18-8", "size": 16, "stages": ("16:1",), "batch": 8, "workers": 0}
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(TrainSettings(data=str(tmp_path / "faces"), out=first, task="pretraining", **common)) == 0
    card = read_card(first)
    assert (card.task, card.embedding, card.labels, card.figures["pictures"]) == ("pretraining", 64, (), 2)
    assert len(TrainedOn.read(first).keys) == 24
    assert load_target(str(first)).outputs == 64
    data = str(folders(tmp_path / "data"))
    assert train(TrainSettings(data=data, out=second, init=first, learning_rate=1e-9, **common)) == 0
    assert "fc starts afresh" in capsys.readouterr().out
    before, after = (load_weights(out / "model.safetensors") for out in (first, second))
    largest = before["layer3.0.conv2.weight"].abs().max()
    assert (before["layer3.0.conv2.weight"] - after["layer3.0.conv2.weight"]).abs().max() <= largest / 100
    assert after["fc.weight"].shape == (2, 64)
    assert read_card(second).recipe["init"] == card.recipe
    assert TrainedOn.read(second).keys == TrainedOn.read(first).keys


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="20 pictures, 4 of them held back: expected --batch from 2 to what is left"):
        lesson(boards(20, 1, 0).pictures, batch=17)


def test_some_pictures_lose_their_colour() -> None:
    pictures = torch.rand(200, 3, 4, 4)
    made = greyed(pictures, torch.Generator().manual_seed(0), 0.3)
    grey = (made == made[:, :1]).flatten(1).all(1)
    assert 30 < int(grey.sum()) < 90
    assert torch.equal(made[~grey], pictures[~grey])
    assert torch.allclose(made.mean(1), pictures.mean(1))
