"""Boxes around what streetcam draws."""

from __future__ import annotations

from pathlib import Path

import torch

from keyhole.data.boxed import BOX_CLASSES, BoxedPasses, BoxedPictures, Boxes, mean_boxes
from keyhole.data.streetcam.stream import Streetcam
from keyhole.sizes import Size
from keyhole.terminal import terminal

VEHICLE, PLATE, PERSON, SIGN = range(len(BOX_CLASSES))


def drawn(folder: Path, size: Size = 64) -> BoxedPictures:
    return BoxedPasses("private-test", 2, 4).read(size, workers=0, folder=folder, console=terminal(quiet=True))


def test_boxes_are_where_things_are_drawn(tmp_path: Path) -> None:
    boxed = drawn(tmp_path)
    assert boxed.pictures.shape == (8, 3, 64, 64)
    stream = Streetcam("private-test", 64)
    for number, truth in enumerate(boxed.truths):
        place, view = divmod(number, 4)
        secrets = stream.shot(place, (place + 5 * view) % 24, view).secrets
        assert truth.labels.tolist().count(VEHICLE) == 1
        assert float(truth.boxes.min()) >= 0
        assert float(truth.boxes.max()) <= 64
        (left, top, right, bottom) = truth.boxes[truth.labels == VEHICLE][0].tolist()
        for thing, box in ((PLATE, secrets.plate_box), (PERSON, secrets.driver_box)):
            found = truth.boxes[truth.labels == thing]
            assert len(found) >= (box is not None)
            for inner in found.tolist():  # the vehicle has its plate and its people within
                middle = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
                assert left <= middle[0] <= right
                assert top <= middle[1] <= bottom
        if secrets.plate_box:
            assert torch.allclose(truth.boxes[truth.labels == PLATE][0], torch.tensor(secrets.plate_box).clamp(0, 64))


def test_what_was_drawn_is_kept_and_boxes_follow_the_size(tmp_path: Path) -> None:
    first, again = drawn(tmp_path), drawn(tmp_path)
    assert len(list(tmp_path.glob("boxed-*.npz"))) == 1
    assert torch.equal(first.pictures, again.pictures)
    assert all(torch.equal(one.boxes, other.boxes) for one, other in zip(first.truths, again.truths, strict=True))
    smaller = drawn(tmp_path, 48)
    half = torch.cat([truth.boxes[truth.labels == VEHICLE] for truth in smaller.truths])
    assert torch.allclose(half, 0.75 * torch.cat([truth.boxes[truth.labels == VEHICLE] for truth in first.truths]))


def test_a_mirror_swaps_left_and_right() -> None:
    boxes = Boxes(torch.tensor([0]), torch.tensor([[1.0, 2.0, 5.0, 8.0]]))
    assert boxes.mirrored(10).boxes.tolist() == [[5.0, 2.0, 9.0, 8.0]]


def test_the_guess_of_who_sees_nothing_is_the_mean_box_of_each_class() -> None:
    truths = [
        Boxes(torch.tensor([0, 2]), torch.tensor([[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 2.0, 2.0]])),
        Boxes(torch.tensor([0]), torch.tensor([[2.0, 2.0, 8.0, 8.0]])),
    ]
    guess, shares = mean_boxes(truths)
    assert guess.labels.tolist() == [0, 2]
    assert guess.boxes.tolist() == [[1.0, 1.0, 6.0, 6.0], [1.0, 1.0, 2.0, 2.0]]
    assert shares.tolist() == [1.0, 0.5]
