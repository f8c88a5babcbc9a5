"""The pools of a plain folder share no picture, and no identity or clip as far as the folder tells of them."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyhole.data import check_apart, open_collection, open_source
from keyhole.data.sets.collection import ListedPicture
from keyhole.data.sets.grouping import SPLITS, grouped, placed
from keyhole.data.sets.pools import POOLS, divide, pools_of
from keyhole.service.errors import UsageError
from tests.data.layouts import draw

NAMES = st.sampled_from(["ann", "bob", "cat", "dan", "eve", "0001", "0002", "cam1", "cam2", "train", "images"])
FOLDERS = st.lists(st.one_of(NAMES, st.sampled_from(sorted(SPLITS))), max_size=3)
FILES = st.from_regex(r"(clip|ann|bob)?_?[0-9]{1,3}(_c[12])?\.jpg", fullmatch=True)
PATHS = st.lists(
    st.builds(lambda folders, name: PurePosixPath(*folders, name), FOLDERS, FILES), min_size=1, unique=True
)
SPLIT_NAMES = st.lists(st.sampled_from(["audit", "private", "public", "train", "test", "query", "all"]), min_size=1)


def pools(paths: list[PurePosixPath]) -> tuple[dict[str, list[ListedPicture]], str]:
    places, assumed = grouped(placed(sorted(paths)))
    entries = [ListedPicture(str(place.path), place.split, lambda: None, group=place.group) for place in places]  # type: ignore
    return {pool: list(divide(entries, pool)) for pool in POOLS}, assumed


@settings(deadline=None)
@given(PATHS)
def test_no_layout_has_a_picture_or_a_group_in_two_pools(paths: list[PurePosixPath]) -> None:
    found, assumed = pools(paths)
    for key in (lambda entry: entry.name, lambda entry: entry.together):
        counts = Counter(name for entries in found.values() for name in set(map(key, entries)))
        assert set(counts.values()) <= {1}
    left = len(paths) - sum(map(len, found.values()))
    assert assumed or not left


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["train", "valid", "private", "x"]), NAMES, FILES), min_size=1, unique=True))
def test_a_folder_is_in_one_pool_unless_it_is_said_otherwise(parts: list[tuple[str, str, str]]) -> None:
    paths = [PurePosixPath(*part) for part in parts]
    found, assumed = pools(paths)
    inside = [{PurePosixPath(entry.name).parent.name for entry in entries} for entries in found.values()]
    shared = any(one & other for one, other in itertools.combinations(inside, 2))
    assert not shared or "pictures of a folder are in several" in assumed


@given(SPLIT_NAMES)
def test_every_pool_that_can_be_is_served_and_named_pools_are_kept(splits: list[str]) -> None:
    found = pools_of(splits)
    for split, hands in found.items():
        if split in POOLS:
            assert split in hands
            assert set(hands) <= {split, "audit"}
    if not set(POOLS) & set(splits):
        assert {pool for hands in found.values() for pool in hands} == set(POOLS)


def made(root: Path, layout: str) -> dict[str, list[str]]:
    paths = [path for line in layout.split() for path in expanded(line)]
    draw(root, paths)
    listings = {pool: open_collection(str(root), pool) for pool in POOLS}
    return {pool: [entry.name for entry in listing.entries] for pool, listing in listings.items()}  # type: ignore


def expanded(line: str) -> list[str]:
    """``a/{1..3}.png`` as three paths."""
    if "{" not in line:
        return [line]
    before, _, rest = line.partition("{")
    numbers, _, after = rest.partition("}")
    first, last = map(int, numbers.split(".."))
    return [f"{before}{number}{after}" for number in range(first, last + 1)]


def test_train_and_valid_are_apart(tmp_path: Path) -> None:
    found = made(tmp_path, "train/a{1..4}.png valid/b{1..2}.png extra/c.png")
    assert found["audit"] == ["valid/b1.png", "valid/b2.png"]
    assert found["private"] == ["train/a1.png", "train/a2.png"]
    assert found["public"] == ["train/a3.png", "train/a4.png"]


def test_people_of_private_are_trained_on_or_attacked(tmp_path: Path) -> None:
    found = made(tmp_path, "private/ann/{1..3}.png private/bob/{1..3}.png private/cat/1.png public/dan/1.png")
    assert found["audit"] == [*expanded("private/ann/{1..3}.png"), "private/cat/1.png"]
    assert found["private"] == expanded("private/bob/{1..3}.png")
    assert found["public"] == ["public/dan/1.png"]


def test_an_identity_in_two_splits_is_in_the_first_of_its_pools(tmp_path: Path, caplog) -> None:
    found = made(tmp_path, "test/ann/1.png test/zoe/1.png train/ann/2.png train/bob/1.png train/cat/1.png")
    assert found == {
        "audit": ["test/ann/1.png", "test/zoe/1.png"], "private": ["train/bob/1.png"], "public": ["train/cat/1.png"],
    }  # fmt: skip
    assert "1 folders are in several splits" in caplog.text


def test_classes_of_train_and_val_are_in_every_pool(tmp_path: Path, caplog) -> None:
    found = made(tmp_path, "train/cat/{1..4}.png train/dog/{1..4}.png val/cat/5.png val/dog/5.png")
    assert found["audit"] == ["val/cat/5.png", "val/dog/5.png"]
    assert found["private"] == ["train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "train/dog/2.png"]
    assert "taken for classes" in caplog.text


def test_frames_of_one_video_are_cut_into_runs(tmp_path: Path, caplog) -> None:
    found = made(tmp_path, "{1..12}.png")
    assert sorted(name for run in found.values() for name in run) == sorted(expanded("{1..12}.png"))
    for run in found.values():
        numbers = sorted(int(Path(name).stem) for name in run)
        assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert "in two runs is in two pools" in caplog.text


@pytest.mark.parametrize("name", ["clip_{}_{{1..{}}}.png", "P0{}_c1_{{1..{}}}.png", "take{}-{{1..{}}}.png"])
def test_runs_end_where_the_names_change(name: str, tmp_path: Path) -> None:
    found = made(tmp_path, " ".join(name.format(take, 3 + take) for take in (1, 2, 3)))
    prefixes = [{entry.rpartition("_" if "_" in entry else "-")[0] for entry in entries} for entries in found.values()]
    assert [len(known) for known in prefixes] == [1, 1, 1]
    assert len(set.union(*prefixes)) == 3


def test_people_stay_together_whose_names_are_first_in_those_of_files(tmp_path: Path) -> None:
    found = made(tmp_path, " ".join(f"000{who}_c1s1_{{1..{3 + who}}}_00.png" for who in (1, 2, 3)))
    assert [{name.split("_")[0] for name in names} for names in found.values()] == [{"0001"}, {"0002"}, {"0003"}]


def test_folders_inside_of_a_folder_stay_together(tmp_path: Path) -> None:
    people = " ".join(f"{who}/{who}-{day}/{{1..2}}.png" for who in ("ann", "bob", "cat") for day in (1, 2))
    inside = [{name.split("/")[0] for name in names} for names in made(tmp_path, people).values()]
    assert inside == [{"ann"}, {"bob"}, {"cat"}]


def test_people_seen_by_several_cameras_stay_together(tmp_path: Path) -> None:
    people = " ".join(f"cam{place}/{who}/1.png" for who in ("ann", "bob", "cat") for place in (1, 2))
    inside = [{name.split("/")[1] for name in names} for names in made(tmp_path, people).values()]
    assert inside == [{"ann"}, {"bob"}, {"cat"}]


def test_a_class_named_train_is_no_split(tmp_path: Path) -> None:
    found = made(tmp_path, "bus/{1..2}.png car/{1..2}.png train/{1..2}.png")
    assert sorted(name for names in found.values() for name in names) == sorted(
        expanded("bus/{1..2}.png") + expanded("car/{1..2}.png") + expanded("train/{1..2}.png")
    )
    assert "train" in open_collection(str(tmp_path), "all").classes


def test_two_specs_of_one_folder_share_no_picture(tmp_path: Path) -> None:
    draw(tmp_path, [f"set/{who}/{n}.png" for who in ("ann", "bob", "cat") for n in range(3)])
    (tmp_path / "link").symlink_to(tmp_path / "set/ann")
    whole = f"{tmp_path}/set"
    for source, public in ((whole, whole), (whole, f"{whole}/cat"), ("photos", whole), (f"{whole}+leaves", whole)):
        check_apart(source, public)
    for public in (f"{whole}/ann", f"leaves+{whole}/ann", f"{whole}/bob/../ann", f"{tmp_path}/link"):
        with pytest.raises(UsageError, match=r"1 pictures of --source .* are among those of --public .*ann/2\.png"):
            check_apart(f"photos+{whole}", public)


def test_a_picture_that_a_link_shows_again_counts_once(tmp_path: Path) -> None:
    draw(tmp_path, [f"all/{who}/{n}.png" for who in "ab" for n in range(3)])
    (tmp_path / "train").symlink_to(tmp_path / "all/a")
    (tmp_path / "val").symlink_to(tmp_path / "all/b")
    found = {pool: open_collection(str(tmp_path), pool) for pool in POOLS}
    assert [entry.name for entry in found["audit"].entries] == expanded("val/{0..2}.png")  # type: ignore[attr-defined]
    assert len(found["private"]) + len(found["public"]) == 3
    assert len(open_collection(str(tmp_path), "all")) == 6


def test_a_pool_without_pictures_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, ["1.png", "2.png"])
    with pytest.raises(FileNotFoundError, match="none of 2 pictures is left for the pool 'public'"):
        open_collection(str(tmp_path), "public")


def test_the_assumption_is_said_once_for_both_pools(tmp_path: Path, caplog) -> None:
    draw(tmp_path, ["a/1.png", "b/1.png", "c/1.png"])
    for pool in ("audit", "public"):
        open_source(str(tmp_path), pool=pool, size=8)  # type: ignore[arg-type]
    assert caplog.text.count("assumed that each folder is one person") == 1
