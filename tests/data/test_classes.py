"""Identities as classes: which they are, and which of their pictures are held back."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from keyhole.data.classes import ClassSource
from keyhole.service.errors import UsageError
from tests.data.layouts import draw, shade


def people(root: Path, counts: dict[str, int], folder: str = "private") -> Path:
    draw(root, [f"{folder}/{name}/{name}_{n:02d}.png" for name, count in counts.items() for n in range(count)])
    return root


def held_back(source: ClassSource) -> dict[str, list[int]]:
    """Numbers of the held-back pictures by class."""
    found = source.open(8)
    numbers = [int(entry.name[-6:-4]) for entry in found.pictures.entries]
    return {
        name: [numbers[place] for place in found.held_back if found.labels[place] == label]
        for label, name in enumerate(found.names)
    }


@pytest.mark.parametrize("packed", [False, True])
def test_all_of_a_private_folder_are_classes_and_a_share_of_each_is_held_back(tmp_path: Path, packed: bool) -> None:
    root = people(tmp_path / "faces", {"Ann": 8, "Bob": 3, "Cid": 20})
    people(root, {"Dee": 1, "Eve": 1}, "public")
    spec = shutil.make_archive(str(tmp_path / "faces"), "zip", root) if packed else str(root)
    found = ClassSource(spec, seed=1).open(8)
    assert found.names == found.identities == ("Ann", "Bob", "Cid")
    assert Counter(found.labels) == {0: 8, 1: 3, 2: 20}
    assert {name: len(kept) for name, kept in held_back(ClassSource(spec, seed=1)).items()} == {
        "Ann": 2, "Bob": 1, "Cid": 5,
    }  # fmt: skip
    train, apart = found.read(8, workers=0, folder=tmp_path, console=Console(quiet=True))
    ann = [part.pictures[part.labels == 0] for part in (train, apart)]
    shades = {shade(f"private/Ann/Ann_{n:02d}.png") for n in range(8)}
    assert {int(picture.float().mean()) for picture in (*ann[0], *ann[1])} == shades
    assert apart.labels.tolist() == [0, 0, 1, *[2] * 5]
    selection, report = apart.for_selection(), apart.for_report()
    assert selection is not None
    assert (len(selection.labels), len(report.labels)) == (1, 7)


def test_what_is_held_back_depends_on_the_seed_and_on_no_other_class(tmp_path: Path) -> None:
    few = held_back(ClassSource(str(people(tmp_path / "few", {"Ann": 12, "Bob": 12})), seed=3))
    many = held_back(ClassSource(str(people(tmp_path / "many", {"Aba": 12, "Ann": 12, "Bob": 12})), seed=3))
    assert few == {name: many[name] for name in few}
    assert few != held_back(ClassSource(str(tmp_path / "few"), seed=4))
    assert few["Ann"] != few["Bob"]


def test_a_class_of_one_picture_cannot_be_tested(tmp_path: Path) -> None:
    root = people(tmp_path, {"Ann": 4, "Bob": 1})
    with pytest.raises(UsageError, match="2 classes, 1 of them with one picture, such as Bob: expected"):
        ClassSource(str(root)).open(8)
    with pytest.raises(UsageError, match="share of 1 held back"):
        ClassSource(str(root), share=1.0).open(8)


def test_vehicles_of_streetcam_are_classes_by_their_place(tmp_path: Path) -> None:
    found = ClassSource("streetcam", vehicles=3, views=4).open(64)
    assert found.names == ("0", "1", "2")
    assert found.labels == tuple(place // 4 for place in range(12))
    assert len(found.held_back) == 3
    train, apart = found.read(64, workers=0, folder=tmp_path, console=Console(quiet=True))
    assert train.pictures.shape == (9, 3, 64, 64)
    assert apart.labels.tolist() == [0, 1, 2]
    shifted = ClassSource("streetcam", "public-shifted", vehicles=3, views=4).open(64)
    assert set(shifted.names).isdisjoint(found.names)


@pytest.mark.parametrize("name", ["cub", "dogs"])
def test_an_owners_test_split_is_what_is_held_back(name: str, made) -> None:
    found = ClassSource(made(name)).open(8)
    splits = [found.pictures.first.entries, found.pictures.second.entries]
    assert [{entry.split for entry in part} for part in splits] == [{"train"}, {"test"}]
    assert found.held_back == tuple(range(len(splits[0]), len(found.labels)))


def test_people_of_a_set_are_classes(made) -> None:
    found = ClassSource(made("facescrub"), "all").open(8)
    assert found.names == ("Adam A", "Bob B", "Carla C", "Dora D")
    assert len(found.held_back) == 4
