"""Captions of folders: tables, text files beside the pictures, and what is said where they are missing."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from keyhole.data import open_collection
from keyhole.data.sets.captions import captions_of
from keyhole.service.errors import UsageError


def folder(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return root


def captions(root: Path, part: str = "all") -> list[str | None]:
    listing = open_collection(str(root), part)
    return [listing.facts(index).caption for index in range(len(listing))]


def test_a_table_names_pictures_relative_to_its_own_folder(tmp_path: Path) -> None:
    root = folder(tmp_path, "train/a.png", "train/b.png", "c.png")
    (root / "train" / "metadata.jsonl").write_text(
        "".join(json.dumps({"file_name": name, "text": f"{name} of train"}) + "\n" for name in ("b.png", "a.png"))
    )
    (root / "captions.csv").write_text('\ufefffile_name,caption\nc.png,"a  van, red"\n', encoding="utf-8")
    assert captions(root) == ["a van, red", "a.png of train", "b.png of train"]
    assert captions(root, "train") == ["a.png of train", "b.png of train"]


def test_text_files_beside_the_pictures_are_captions_and_a_table_counts_before_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = folder(tmp_path / "set", "a.png", "b.png", "c.png")
    (root / "a.txt").write_text("a red\nvan\n")
    (root / "b.txt").write_text("a blue van")
    (root / "notes.txt").write_text("of no picture")
    (root / "metadata.csv").write_text("file_name,text\nb.png,a green van\n")
    with caplog.at_level(logging.WARNING):
        assert captions(root) == ["a red van", "a green van", None]
    assert "3 pictures; left out: 1 .txt" in caplog.text
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for path in sorted(root.iterdir()):
            packed.write(path, path.name)
    assert captions(tmp_path / "set.zip") == ["a red van", "a green van", None]


def test_names_that_are_no_picture_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = folder(tmp_path, "a.png")
    (root / "captions.csv").write_text("file_name,text\na.png,one\nb.png,two\n")
    with caplog.at_level(logging.WARNING):
        assert captions(root) == ["one"]
    assert "1 of 2 names are no picture here, such as b.png" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "picture,text\na.png,one\n"),
        ("captions.csv", "file_name,words\na.png,one\n"),
        ("captions.csv", 'file_name,text\na.png,"one\n'),
        ("metadata.jsonl", "{"),
        ("metadata.jsonl", "[1]"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, name: str, text: str) -> None:
    root = folder(tmp_path, "a.png")
    (root / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}: .*expected a row for each picture with its `file_name`"):
        open_collection(str(root), "all")


def test_missing_captions_are_an_error_where_they_are_needed(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "b.png")
    (root / "a.txt").write_text("a red van")
    listing = open_collection(str(root), "all")
    assert captions_of(listing, [0], str(root), "a training") == ["a red van"]
    with pytest.raises(UsageError, match="1 of 2 pictures have no caption, which a training takes: expected captions"):
        captions_of(listing, [0, 1], str(root), "a training")


def test_streetcam_has_a_caption_of_each_picture_that_is_the_same_every_time() -> None:
    first, second = (open_collection("streetcam", "public") for _ in range(2))
    told = captions_of(first, range(40), "streetcam", "this test")
    assert told == captions_of(second, range(40), "streetcam", "this test")
    assert len(set(told)) > 30
