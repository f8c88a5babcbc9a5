import itertools
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from keyhole.data import open_source
from keyhole.sizes import height_width


def take(spec: str, pool: str, count: int, *, size: int = 32, seed: int = 0) -> list:
    return list(itertools.islice(iter(open_source(spec, pool=pool, size=size, seed=seed)), count))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(8):
        path = tmp_path / "pictures" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB" if number else "L", (40, 50), number * 30 if not number else (number * 30, 0, 0)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def archive(folder: Path) -> Path:
    path = folder.parent / "pictures.zip"
    with zipfile.ZipFile(path, "w") as out:
        for picture in sorted(folder.rglob("*.png")):
            out.write(picture, picture.relative_to(folder))
    return path


@pytest.mark.parametrize("spec", ["photos", "leaves", "photos+leaves", "streetcam"])
@pytest.mark.parametrize("pool", ["audit", "public"])
def test_named_sources_are_seeded_and_eight_bit_exact(spec, pool):
    first, again, other = (take(spec, pool, 4, size=64, seed=seed) for seed in (1, 1, 2))
    for sample, same in zip(first, again, strict=True):
        assert sample.picture.shape == (3, 64, 64)
        assert torch.equal(sample.picture, same.picture)
        levels = sample.picture * 255
        assert torch.equal(levels.round() / 255, sample.picture)
        assert 0 <= float(sample.picture.min()) <= float(sample.picture.max()) <= 1
    assert any(not torch.equal(a.picture, b.picture) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("spec", ["photos", "leaves", "streetcam"])
@pytest.mark.parametrize("pool", ["audit", "public"])
@pytest.mark.parametrize("size", [(48, 24), (20, 50)])
def test_pictures_that_are_not_square(spec, pool, size):
    for sample in take(spec, pool, 3, size=size):
        assert sample.picture.shape == (3, *size)
        assert torch.equal((sample.picture * 255).round() / 255, sample.picture)


@pytest.mark.parametrize("size", [(24, 12), (12, 24), (50, 40), 16])
def test_pictures_keep_their_proportions(tmp_path, size):
    across = torch.linspace(0, 255, 400).round().to(torch.uint8).expand(3, 500, 400)
    Image.fromarray(across.permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    height, width = height_width(size)
    scale = max(height / 500, width / 400)
    (sample,) = take(str(tmp_path), "audit", 1, size=size)
    shown = width / (400 * scale)
    assert float(sample.picture[0, 0, -1] - sample.picture[0, 0, 0]) == pytest.approx(shown, abs=1.5 / width)


def test_the_victims_photographs_are_not_public():
    audit = {sample.label for sample in take("photos", "audit", 100)}
    public = {sample.label for sample in take("photos", "public", 300)}
    assert len(audit) == 3
    assert len(public) >= 10
    assert not audit & public


def test_the_camera_pans_smoothly():
    frames = take("photos", "audit", 12, size=64)
    steps = [float((b.picture - a.picture).abs().mean()) for a, b in itertools.pairwise(frames)]
    cut = take("photos", "audit", 13, size=64)[-1]
    assert 0 < max(steps) < float((cut.picture - frames[-1].picture).abs().mean())


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_folder_or_zip_is_shared_between_the_pools(kind, request):
    path = str(request.getfixturevalue(kind))
    pools = {pool: {float(sample.picture[0].mean()) for sample in take(path, pool, 8)} for pool in ("audit", "public")}
    assert len(pools["audit"]) == len(pools["public"]) == 2
    assert not pools["audit"] & pools["public"]
    assert {sample.label for sample in take(path, "audit", 8)} <= {"class0", "class1"}


def test_folders_named_as_pools_are_taken_as_such(folder):
    (folder / "class0").rename(folder / "private")
    (folder / "class1").rename(folder / "public")
    assert len({float(sample.picture[0].mean()) for sample in take(str(folder), "public", 8)}) == 4
    assert {sample.label for pool in ("audit", "public") for sample in take(str(folder), pool, 4)} == {None}


def test_unknown_sources_are_named_with_the_nearest():
    with pytest.raises(FileNotFoundError, match="did you mean 'photos'"):
        open_source("photo", pool="audit", size=32)
    with pytest.raises(FileNotFoundError, match="folder or zip"):
        open_source("nowhere/at/all", pool="audit", size=32)


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "broken.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(FileNotFoundError, match="no folder or zip"):
        take(str(path), "audit", 1)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no pictures"):
        take(str(tmp_path), "audit", 1)


@pytest.mark.parametrize("size", [48, 128, 224])
def test_streetcam_comes_at_any_size(size: int) -> None:
    first = next(iter(open_source("streetcam", pool="audit", size=size, seed=3)))
    assert first.picture.shape == (3, size, size)
    assert torch.equal((first.picture * 255).round() / 255, first.picture)
    assert first.label is not None


def test_a_name_that_is_a_folder_too_says_which_is_taken(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    open_source("photos", pool="audit", size=32)
    assert not caplog.records
    (tmp_path / "photos").mkdir()
    open_source("photos", pool="audit", size=32)
    assert "the picture source of that name is taken, not the folder, which is ./photos" in caplog.text
