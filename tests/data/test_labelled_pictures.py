"""Public pictures of the classes that a target tells apart."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torchvision.transforms.v2 import functional as transform

from keyhole.data.public import labelled_pictures
from keyhole.service.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    for name, level in {"red": 0.2, "green": 0.5, "blue": 0.8}.items():
        place = tmp_path / "public" / name
        place.mkdir(parents=True)
        for number in range(2):
            transform.to_pil_image(torch.full((3, 32, 32), level)).save(place / f"{number}.png")
    return str(tmp_path)


def test_each_comes_with_the_place_of_its_class_and_others_are_left_out(folder):
    found = list(islice(labelled_pictures(folder, 32, 0, ("blue", "grey", "red")), 20))
    assert {place for _, place in found} == {0, 2}
    assert all(abs(picture.mean() - {0: 0.8, 2: 0.2}[place]) < 0.01 for picture, place in found)
    assert all(picture.shape == (3, 32, 32) for picture, _ in found)


def test_a_class_is_known_by_its_name_without_the_number_of_wordnet(tmp_path):
    place = tmp_path / "public" / "n01742172_boa_constrictor"
    place.mkdir(parents=True)
    transform.to_pil_image(torch.full((3, 32, 32), 0.5)).save(place / "0.png")
    assert next(labelled_pictures(str(tmp_path), 32, 0, ("koala", "boa constrictor")))[1] == 1


def test_pictures_of_other_classes_are_refused(folder):
    with pytest.raises(UsageError, match=r"none shows a class of the target, such as black"):
        next(labelled_pictures(folder, 32, 0, ("black", "white")))
    with pytest.raises(UsageError, match=r"the target names no classes"):
        labelled_pictures(folder, 32, 0, ())
    with pytest.raises(UsageError, match=r"--public"):
        labelled_pictures(f"{folder}/nowhere", 32, 0, ("red",))
