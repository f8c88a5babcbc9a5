"""Files that are no pictures, in folders, zips and data sets."""

from __future__ import annotations

import io
import itertools
import logging
import os
import struct
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from keyhole.data import open_collection, open_source
from keyhole.data.decoding import UnreadableError
from keyhole.data.sets.tree import Archive, Folder, tree_at
from keyhole.service.files import RUN, claim
from tests.data.layouts import draw, shade, veri, write


@pytest.fixture(params=["folder", "zip"])
def kept(request: pytest.FixtureRequest, tmp_path: Path):
    """A function from a folder to it, or to a zip of it."""

    def keep(folder: Path) -> Path:
        if request.param == "folder":
            return folder
        packed = tmp_path / "packed.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return packed

    return keep


def shown(source: Path | str, count: int, pool: str = "audit") -> set[int]:
    stream = open_source(str(source), pool=pool, size=8)  # type: ignore[arg-type]
    return {round(255 * float(sample.picture.mean())) for sample in itertools.islice(stream, count)}


LITTER = ("._0.png", ".hidden/9.png", "__MACOSX/0.png", "__MACOSX/._0.png", "Thumbs.db", "a/desktop.ini", ".DS_Store")


def test_what_systems_leave_behind_is_passed_over_silently(kept, tmp_path: Path, caplog) -> None:
    folder = tmp_path / "pictures"
    names = [f"{who}/{n}.png" for who in "abc" for n in range(2)]
    draw(folder, names)
    for litter in LITTER:
        write(folder, litter, b"no picture")
    collection = open_collection(str(kept(folder)), "all")
    assert {int(collection[index].picture[0, 0, 0]) for index in range(len(collection))} == set(map(shade, names))
    assert len(collection) == 6
    assert not caplog.records


def test_litter_in_a_data_set_is_passed_over(kept, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "set"
    veri(folder, monkeypatch)
    before = len(open_collection(f"veri:{folder}", "train"))
    write(folder, "image_train/._0001_c001_00016451_0.jpg", b"no picture")
    write(folder, "image_train/Thumbs.db", b"no picture")
    assert len(open_collection(f"veri:{kept(folder)}", "train")) == before


BROKEN = {"empty.jpg": b"", "page.jpg": b"<html>not found</html>", "cut.png": b"\x89PNG\r\n\x1a\n\0\0"}


def test_broken_files_are_named_and_the_stream_goes_on(kept, tmp_path: Path, caplog) -> None:
    folder = tmp_path / "pictures"
    names = [f"{part}/{n}.png" for part in ("audit", "public") for n in range(3)]
    draw(folder, names)
    for name, content in BROKEN.items():
        write(folder, f"audit/{name}", content)
    root = kept(folder)
    assert shown(root, 12) == {shade(name) for name in names if name.startswith("audit")}
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(BROKEN)
    for number, message in enumerate(said, start=1):
        assert f"({number} of 6)" in message
    for name in BROKEN:
        assert sum(str(root / "audit" / name) in message for message in said) == 1
    assert any("empty" in message for message in said)


def test_a_stream_without_a_picture_that_can_be_read_ends_with_the_reason(kept, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for name in ("audit/1.jpg", "audit/2.jpg", "public/3.jpg"):
        write(folder, name, b"<html>")
    with pytest.raises(UnreadableError, match=r"none of 2 pictures can be read; the last: .*\.jpg: not a picture"):
        shown(kept(folder), 1)


def test_a_picture_that_goes_away_is_passed_over(tmp_path: Path) -> None:
    names = [f"{part}/{n}.png" for part in ("audit", "public") for n in range(3)]
    draw(tmp_path, names)
    stream = iter(open_source(str(tmp_path), pool="audit", size=8))
    next(stream)
    (tmp_path / "audit/0.png").unlink()
    (tmp_path / "audit/1.png").write_bytes(b"")
    seen = [round(255 * float(sample.picture.mean())) for sample in itertools.islice(stream, 6)]
    assert set(seen[2:]) == {shade("audit/2.png")}


def test_kinds_that_are_not_read_are_counted(kept, tmp_path: Path, caplog) -> None:
    folder = tmp_path / "pictures"
    draw(folder, [f"{n}.png" for n in range(3)])
    for name in ("1.heic", "2.HEIC", "notes.txt", "README"):
        write(folder, name, b"something")
    open_collection(str(kept(folder)), "all")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "3 pictures; left out: 2 .heic, " in record.getMessage()
    assert "1 .txt" in record.getMessage()
    assert "1 without a suffix" in record.getMessage()


def test_a_folder_of_kinds_that_are_not_read_is_refused_with_their_number(kept, tmp_path: Path) -> None:
    write(tmp_path / "pictures", "1.heic", b"something")
    with pytest.raises(FileNotFoundError, match=r"left out: 1 \.heic"):
        open_source(str(kept(tmp_path / "pictures")), pool="audit", size=8)


@pytest.mark.parametrize("suffix", ["tif", "TIFF", "ppm", "pgm", "gif", "jfif", "webp", "bmp", "jp2", "JPG", "qoi"])
def test_every_suffix_is_taken(suffix: str, tmp_path: Path) -> None:
    form = {"tif": "TIFF", "pgm": "PPM", "jfif": "JPEG", "jpg": "JPEG", "jp2": "JPEG2000"}.get(suffix.lower(), suffix)
    for part in ("audit", "public"):
        (tmp_path / part).mkdir()
        Image.new("L" if suffix == "pgm" else "RGB", (8, 8), "white").save(tmp_path / part / f"1.{suffix}", form)
    assert shown(tmp_path, 2) == {255}


def test_a_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    write(tmp_path / "files", "zeros.bin", b"\0" * 1000)
    with zipfile.ZipFile(tmp_path / "files.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "files/zeros.bin", "zeros.bin")
    for tree in (Folder(tmp_path / "files", max_bytes=999), Archive(tmp_path / "files.zip", max_bytes=999)):
        with pytest.raises(UnreadableError, match="1000 bytes: at most 999 are read"):
            tree.read("zeros.bin")
    assert len(Archive(tmp_path / "files.zip", max_bytes=1000).read("zeros.bin")) == 1000


def test_no_more_of_an_entry_is_unpacked_than_its_zip_declares(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "lying.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", b"\0" * 50_000)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\1\2")
    for place in (22, directory + 24):  # the sizes in the entry's own header and in the directory
        struct.pack_into("<I", data, place, 10)
    path.write_bytes(data)
    taken = []
    plain = zipfile.ZipExtFile._update_crc
    monkeypatch.setattr(
        zipfile.ZipExtFile, "_update_crc", lambda self, new: (taken.append(len(new)), plain(self, new))[1]
    )
    with pytest.raises(UnreadableError, match="damaged in the zip"):
        tree_at(path).read("zeros.bin")
    assert sum(taken) <= 10


def test_entries_that_python_does_not_unpack_in_parts_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "files.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("zeros.bin", b"\0" * 100)
    with pytest.raises(UnreadableError, match="other than deflate"):
        tree_at(tmp_path / "files.zip").read("zeros.bin")


def test_an_entry_that_was_damaged_is_refused_by_name(tmp_path: Path, caplog) -> None:
    draw(tmp_path / "pictures", [f"{part}/{n}.png" for part in ("audit", "public") for n in range(2)])
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((tmp_path / "pictures").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path / "pictures"))
    data = path.read_bytes()
    first = data.index(b"\x89PNG") + 12
    path.write_bytes(data[:first] + b"XXXX" + data[first + 4 :])
    assert shown(path, 4) == {shade("audit/1.png")}
    assert f"{path}/audit/0.png: damaged in the zip: Bad CRC-32" in caplog.text


def test_a_zip_with_backslashes_or_dots_has_folders(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 77).save(buffer, "PNG")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name in ("audit\\one.png", "./public/two.png", "public\\"):
            archive.writestr(zipfile.ZipInfo(name), buffer.getvalue() if name.endswith("g") else b"")
    assert shown(tmp_path / "pictures.zip", 1) == {77}
    assert shown(tmp_path / "pictures.zip", 1, "public") == {77}


def test_links_to_folders_above_are_not_entered_and_pipes_not_read(tmp_path: Path) -> None:
    draw(tmp_path, ["a/1.png"])
    (tmp_path / "a/again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "a/pipe.png")
    assert sorted(Folder(tmp_path).files("")) == ["a/1.png", "a/pipe.png"]
    with pytest.raises(UnreadableError, match="not a regular file"):
        Folder(tmp_path).read("a/pipe.png")


def test_a_zip_whose_list_of_files_is_damaged_is_named(tmp_path: Path):
    path = tmp_path / "files.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"a")
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x00\x00"))
    with pytest.raises(UnreadableError, match=r"files\.zip is a damaged zip"):
        list(tree_at(path).files(""))


def test_pictures_that_keyhole_wrote_below_a_folder_are_not_its_pictures(tmp_path: Path) -> None:
    draw(tmp_path, ["a.png", "b.png"])
    claim(tmp_path / "runs" / "demo", RUN)
    draw(tmp_path, ["runs/demo/pictures/truth.png", "runs/mine/c.png"])
    assert set(Folder(tmp_path).files(".")) == {"a.png", "b.png", "runs/mine/c.png"}
    assert "pictures/truth.png" in set(Folder(tmp_path / "runs" / "demo").files("."))
