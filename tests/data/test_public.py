from __future__ import annotations

import itertools

import pytest
import torch
from PIL import Image

from keyhole.data import open_source
from keyhole.data.public import RememberedPictures, RememberedQueries, described_pictures, public_pictures
from keyhole.service.errors import UsageError


def test_pictures_of_the_size_that_a_png_can_hold():
    some = list(itertools.islice(public_pictures("leaves", 24, seed=0), 4))
    for picture in some:
        assert picture.shape == (3, 24, 24)
        assert 0 <= picture.min() <= picture.max() <= 1
        assert torch.allclose(picture * 255, (picture * 255).round(), atol=1e-4)
    assert not torch.equal(some[0], some[1])


def test_whole_pictures_of_the_pool_half_of_them_mirrored():
    shown = list(itertools.islice(public_pictures("streetcam", 32, seed=3), 24))
    pool = list(itertools.islice(open_source("streetcam", pool="public", size=32, seed=3), 24))
    kept = [torch.equal(ours, theirs.picture) for ours, theirs in zip(shown, pool, strict=True)]
    turned = [torch.equal(ours, theirs.picture.flip(-1)) for ours, theirs in zip(shown, pool, strict=True)]
    assert all(one or other for one, other in zip(kept, turned, strict=True))
    assert 4 < sum(kept) < 20


def test_those_with_captions_are_shown_as_they_are():
    shown = list(itertools.islice(described_pictures("streetcam", 32, seed=3), 6))
    pool = list(itertools.islice(open_source("streetcam", pool="public", size=32, seed=3), 6))
    for (picture, caption), theirs in zip(shown, pool, strict=True):
        assert torch.equal(picture, theirs.picture)
        assert caption == theirs.caption
    remembered = RememberedQueries(lambda: described_pictures("streetcam", 32, seed=3))
    for _ in range(2):
        again = list(itertools.islice(remembered(), 6))
        assert [caption for _, caption in again] == [caption for _, caption in shown]
        assert all(torch.equal(ours, theirs) for (ours, _), (theirs, _) in zip(again, shown, strict=True))


def test_captions_of_folders_and_what_is_said_where_there_are_none(tmp_path):
    for number in range(12):
        Image.new("RGB", (32, 32), (20 * number, 0, 0)).save(tmp_path / f"{number}.png")
    with pytest.raises(
        UsageError, match=r"none has a caption, .* name streetcam, or a folder or zip with captions.csv"
    ):
        next(described_pictures(str(tmp_path), 32, seed=0))
    for number in range(0, 12, 2):
        (tmp_path / f"{number}.txt").write_text(f"red {20 * number}")
    for picture, caption in itertools.islice(described_pictures(str(tmp_path), 32, seed=0), 8):
        assert caption == f"red {round(255 * picture[0, 0, 0].item())}"


def test_the_same_for_the_same_seed():
    first, again, other = (next(public_pictures("leaves", 24, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pictures_that_are_not_there_are_refused_at_once():
    with pytest.raises(UsageError, match="--public"):
        public_pictures("/nowhere", 24, seed=0)


def test_remembered_pictures_are_the_same_and_drawn_once():
    drawn = 0

    def draw():
        nonlocal drawn
        for picture in public_pictures("leaves", 24, seed=0):
            drawn += 1
            yield picture

    remembered = RememberedPictures(draw)
    first, second = remembered(), remembered()
    ahead = [next(first) for _ in range(5)]
    behind = [next(second) for _ in range(7)]
    expected = itertools.islice(public_pictures("leaves", 24, seed=0), 7)
    assert all(torch.equal(one, other) for one, other in zip(behind, expected, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(ahead, behind, strict=False))
    assert drawn == 7


def test_when_only_the_first_are_remembered_each_reader_still_gets_all():
    drawn = 0

    def draw():
        nonlocal drawn
        for picture in public_pictures("leaves", 24, seed=0):
            drawn += 1
            yield picture

    remembered = RememberedPictures(draw, most=4)
    expected = list(itertools.islice(public_pictures("leaves", 24, seed=0), 9))
    few = list(itertools.islice(remembered(), 3))
    assert drawn == 3
    for together in (9, 18):  # the first goes on where the memory ends, the second begins anew
        found = list(itertools.islice(remembered(), 9))
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
        assert drawn == together
    assert all(torch.equal(one, other) for one, other in zip(few, expected, strict=False))
    assert len(list(itertools.islice(remembered(), 4))) == 4
    assert drawn == 18


def test_remembered_pictures_that_are_not_there_are_refused_when_they_are_opened():
    remembered = RememberedPictures(lambda: public_pictures("/nowhere", 24, seed=0))
    with pytest.raises(UsageError, match="--public"):
        remembered()
