"""What all data sets have in common."""

from __future__ import annotations

import itertools
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from keyhole.data import open_collection, open_source, take_samples
from keyhole.data.command import sets
from keyhole.data.sets.catalogue import SETS
from keyhole.data.sets.pools import POOLS
from keyhole.data.settings import SetsSettings
from keyhole.data.streetcam import Streetcam
from keyhole.data.streetcam.stream import Passes
from keyhole.service.errors import UsageError
from tests.data.layouts import BUILD, draw, facts, identities, shade, shades, write


def test_every_set_is_tested():
    assert BUILD.keys() == SETS.keys()


@pytest.mark.parametrize("name", sorted(SETS))
def test_pools_are_disjoint_and_streams_are_seeded(name, made):
    spec = made(name)
    entries = [open_collection(spec, pool).entries for pool in POOLS]
    for one, other in itertools.combinations(entries, 2):
        for key in (lambda e: e.name, lambda e: e.facts.identity or e.name, lambda e: e.facts.clip or e.name):
            assert not {key(entry) for entry in one} & {key(entry) for entry in other}
    first, again = (list(itertools.islice(open_source(spec, pool="audit", size=8, seed=3), 6)) for _ in range(2))
    assert all(torch.equal(a.picture, b.picture) and a.label == b.label for a, b in zip(first, again, strict=True))
    assert first[0].picture.shape == (3, 8, 8)
    assert first[0].picture.dtype == torch.float32


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_missing_set_says_where_it_is_obtained(name, tmp_path):
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError) as caught:
            open_source(f"{name}:{root}", pool="audit", size=8)
        message = str(caught.value)
        assert SETS[name].title in message
        assert str(root) in message
        assert SETS[name].owner in message
        assert SETS[name].tree in message


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cifar10", "cifar-10-batches-py/data_batch_3"), ("cifar100", "cifar-100-python/meta"),
        ("celeba", "identity_CelebA.txt"), ("coco", "val2017"), ("cub", "CUB_200_2011/train_test_split.txt"),
        ("dogs", "test_list.mat"), ("veri", "image_query"), ("market1501", "Market-1501-v15.09.15/query"),
        ("msmt17", "MSMT17_V2/list_gallery.txt"), ("veri-wild", "train_test_split/vehicle_info.txt"),
        ("veri-wild", "train_test_split/test_3000_query.txt"), ("chestxray14", "test_list.txt"),
        ("cub-diff-mi", "CUB_200_2011/bounding_boxes.txt"),
    ],
)  # fmt: skip
def test_a_missing_file_is_named(name, path, made, tmp_path):
    spec = made(name)
    (shutil.rmtree if (tmp_path / path).is_dir() else Path.unlink)(tmp_path / path)
    with pytest.raises(FileNotFoundError) as caught:
        open_collection(spec, "audit")
    assert f"{tmp_path / path} is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("celeba", "list_attr_celeba.txt"), ("celeba", "identity_CelebA.txt"), ("cub", "CUB_200_2011/images.txt"),
        ("coco", "annotations/captions_val2017.json"), ("dogs", "test_list.mat"), ("imagenet", "meta.bin"),
        ("imagenet", "ILSVRC2012_devkit_t12/data/meta.mat"), ("msmt17", "MSMT17_V2/list_query.txt"),
        ("veri-wild", "train_test_split/vehicle_info.txt"), ("veri-wild", "train_test_split/train_list.txt"),
        ("chestxray14", "Data_Entry_2017.csv"), ("cub-diff-mi", "CUB_200_2011/bounding_boxes.txt"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>\n" * 3])
def test_a_damaged_list_is_named(name, path, content, made, tmp_path):
    spec = made(name)
    write(tmp_path, path, content)
    with pytest.raises(UsageError, match=re.escape(str(tmp_path))):
        open_collection(spec, "audit")


def test_a_missing_picture_is_named_when_it_is_read(made, tmp_path):
    spec = made("celeba")
    (tmp_path / "img_align_celeba/000006.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"000006\.jpg is missing.*mmlab"):
        open_collection(spec, "val")[0]


@pytest.mark.parametrize("name", sorted(SETS))
def test_an_unknown_part_is_refused_with_those_there_are(name, made):
    with pytest.raises(ValueError, match="expected one of audit, private, public"):
        open_collection(made(name), "tset")


@pytest.mark.parametrize("name", ["veri", "celeba", "cub", "clips", "imagenet", "market1501"])
def test_a_zip_opens_like_its_folder_and_from_other_processes(name, made, tmp_path):
    spec = made(name)
    part = SETS[name].splits[0]
    zipped = tmp_path.parent / f"{tmp_path.name}.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in sorted(tmp_path.rglob("*")):
            archive.write(path, path.relative_to(tmp_path))
    packed = open_collection(f"{name}:{zipped}", part)
    assert facts(f"{name}:{zipped}", part) == facts(spec, part)
    assert torch.equal(packed[0].picture, open_collection(spec, part)[0].picture)
    assert torch.equal(pickle.loads(pickle.dumps(packed))[1].picture, packed[1].picture)


def test_a_folder_is_a_finite_set_too(tmp_path):
    people = {"private": (1, 2, 3, 4), "public": (5, 6)}
    draw(tmp_path, [f"{part}/person{p}/{n}.png" for part, who in people.items() for p in who for n in (1, 2)])
    assert identities(str(tmp_path), "public") == {"person5", "person6"}
    private, audit = (open_collection(str(tmp_path), part) for part in ("private", "audit"))
    assert private.classes == tuple(f"person{p}" for p in range(1, 7))
    assert [private.facts(index).label for index in range(4)] == [1, 1, 3, 3]
    assert private[2].identity == "person4"
    assert int(private[2].picture[0, 0, 0]) == shade("private/person4/1.png")
    assert [audit.facts(index).identity for index in range(4)] == ["person1", "person1", "person3", "person3"]
    assert len(open_collection(str(tmp_path), "all")) == len(open_collection(str(tmp_path), "")) == 12
    with pytest.raises(FileNotFoundError, match="no folder 'val'"):
        open_collection(str(tmp_path), "val")


def test_a_flat_folder_is_shared_as_the_stream_shares_it(tmp_path):
    draw(tmp_path, [f"{n}.png" for n in range(6)])
    spec = str(tmp_path)
    pools = {pool: shades(spec, pool) for pool in ("audit", "private", "public")}
    assert list(pools.values()) == [[shade(f"{n}.png") for n in names] for names in ((0, 1), (2, 3), (4, 5))]
    for pool, values in pools.items():
        if pool == "private":
            continue
        stream = itertools.islice(open_source(spec, pool=pool, size=8), 2)
        assert sorted(round(255 * float(sample.picture.mean())) for sample in stream) == sorted(values)
    assert open_collection(spec, "audit")[0].label is None


def test_pictures_that_come_again_are_told(tmp_path, caplog):
    draw(tmp_path, [f"audit/{n}.png" for n in range(6)])
    source = open_source(str(tmp_path), pool="audit", size=8)
    kept = take_samples(source, 3, every=2)
    assert not caplog.records
    assert [float(s.picture.mean()) for s in kept] == [float(s.picture.mean()) for s in take_samples(source, 6)[::2]]
    (tmp_path / "audit/0.png").write_bytes(b"")
    assert len(take_samples(source, 6)) == 6
    assert "of 6 pictures only 5 are different: some come again" in caplog.text


def test_streetcam_is_a_finite_set_too():
    passes = Passes(Streetcam("private-train", 64), vehicles=2, views=3)
    assert len(passes) == 6
    for index in (1, 3):
        record = passes[index]
        assert record.facts == passes.facts(index)
        assert record.picture.shape == (3, 64, 64)
        assert record.picture.dtype == torch.uint8
    known = [passes.facts(index) for index in range(6)]
    assert len({fact.identity for fact in known[:3]}) == 1
    assert len({fact.identity for fact in known}) == 2
    assert len({fact.camera for fact in known[:3]}) == 3
    with pytest.raises(IndexError):
        passes[6]
    assert len(open_collection("streetcam", "audit")) == 24_000


def test_sets_take_turns_with_other_sources(made):
    spec = made("veri")
    labels = [s.label for s in itertools.islice(open_source(f"leaves+{spec}", pool="audit", size=8), 4)]
    assert labels[::2] == [None, None]
    assert set(labels[1::2]) <= {"0002", "0005"}


def test_a_mistyped_set_is_named_with_the_nearest():
    with pytest.raises(FileNotFoundError, match="did you mean 'celeba:PATH'"):
        open_source("celebA:/data", pool="audit", size=8)


def test_the_command_lists_every_set(capsys):
    assert sets(SetsSettings()) == 0
    printed = capsys.readouterr().out
    assert all(f" {name} " in printed for name in SETS)
    with pytest.raises(ValueError, match="no data set"):
        sets(SetsSettings(filter="no such task"))
