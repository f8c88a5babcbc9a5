"""Every data set, from a few generated pictures in its owner's layout."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import pickle
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import CIFAR10, CIFAR100

from keyhole.data import open_collection, open_source
from keyhole.data.sets.command import sets
from keyhole.data.sets.division import POOLS
from keyhole.data.sets.passes import Passes
from keyhole.data.sets.settings import SetsSettings
from keyhole.data.sets.table import SETS
from keyhole.data.streetcam import Streetcam


def shade(path: str) -> int:
    return hashlib.sha256(path.encode()).digest()[0]


def draw(root: Path, paths: Iterable[str]) -> None:
    """8×8 pictures in the shade that belongs to their path; PNG inside, so that the shade is exact."""
    for path in paths:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (shade(path),) * 3).save(buffer, "PNG")
        write(root, path, buffer.getvalue())


def write(root: Path, path: str, content: bytes | str | list[str]) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(content) + "\n" if isinstance(content, list) else content
    (root / path).write_bytes(lines.encode() if isinstance(lines, str) else lines)


def facts(spec: str, part: str) -> list:
    collection = open_collection(spec, part)
    return [collection.facts(index) for index in range(len(collection))]


def identities(spec: str, part: str) -> set[str | None]:
    return {known.identity for known in facts(spec, part)}


def shades(spec: str, part: str) -> list[int]:
    collection = open_collection(spec, part)
    return [int(collection[index].picture.float().mean()) for index in range(len(collection))]


def cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = {name: [{"data": 4, "labels": 4}] for name, _ in (*CIFAR10.train_list, *CIFAR10.test_list)}
    _cifar(CIFAR10, root, list(batches), "labels", {"label_names": ["plane", "car"]}, monkeypatch)


def cifar100(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"fine_label_names": ["apple", "bee"]}
    _cifar(CIFAR100, root, ["train", "test"], "fine_labels", names, monkeypatch)


def _cifar(which, root: Path, batches: list[str], key: str, meta: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {}
    for number, name in enumerate(batches):
        data = np.full((4, 3 * 32 * 32), 10 * number, dtype=np.uint8)
        data[:, : 32 * 32] += np.arange(4, dtype=np.uint8)[:, None]
        content = pickle.dumps({"data": data, key: [0, 1, 0, 1]})
        write(root, f"{which.base_folder}/{name}", content)
        sums[name] = hashlib.md5(content).hexdigest()
    content = pickle.dumps(meta)
    write(root, f"{which.base_folder}/{which.meta['filename']}", content)
    monkeypatch.setattr(which, "train_list", [[name, sums[name]] for name in batches[:-1]])
    monkeypatch.setattr(which, "test_list", [[name, sums[name]] for name in batches[-1:]])
    monkeypatch.setattr(which, "meta", {**which.meta, "md5": hashlib.md5(content).hexdigest()})


def imagenet(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(root, [f"train/{wnid}/{wnid}_{n}.JPEG" for wnid in ("n02", "n04") for n in range(4)])
    draw(root, [f"val/{wnid}/ILSVRC2012_val_0000000{n}.JPEG" for n, wnid in enumerate(("n02", "n04"))])


def celeba(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{n:06d}.jpg" for n in range(1, 9)]
    draw(root, [f"img_align_celeba/{name}" for name in names])
    rows = [f"{name}  {1 if n % 2 else -1} -1" for n, name in enumerate(names)]
    write(root, "list_attr_celeba.txt", ["8", "Smiling Young", *rows])
    people = (11, 11, 12, 13, 14, 15, 11, 15)
    write(root, "identity_CelebA.txt", [f"{name} {person}" for name, person in zip(names, people, strict=True)])
    write(
        root,
        "list_eval_partition.txt",
        [f"{name} {n}" for name, n in zip(names, (0, 0, 0, 0, 0, 1, 2, 2), strict=True)],
    )


def coco(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split, ids in (("train2017", (3, 7)), ("val2017", (5,))):
        names = {number: f"{number:012d}.jpg" for number in ids}
        draw(root, [f"{split}/{name}" for name in names.values()])
        said = [{"id": 90 - turn, "image_id": n, "caption": f"caption {turn} of {n} "} for n in ids for turn in (1, 2)]
        images = [{"id": number, "file_name": name} for number, name in names.items()]
        write(root, f"annotations/captions_{split}.json", json.dumps({"images": images, "annotations": said}))


def dogs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"train": ["n1-Pug/n1_1.jpg", "n1-Pug/n1_2.jpg", "n2-Chow/n2_1.jpg"], "test": ["n2-Chow/n2_2.jpg"]}
    draw(root, [f"Images/{name}" for names in listed.values() for name in names])
    for split, names in listed.items():
        savemat(root / f"{split}_list.mat", {"file_list": np.array(names, dtype=object)[:, None]})


def cub(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"00{bird}.{name}/{name}_{n}.jpg" for bird, name in ((1, "Auk"), (2, "Wren")) for n in range(3)]
    top = root / "CUB_200_2011"
    draw(top, [f"images/{name}" for name in names])
    write(top, "images.txt", [f"{n} {name}" for n, name in enumerate(names, 1)])
    write(top, "image_class_labels.txt", [f"{n} {int(name[2])}" for n, name in enumerate(names, 1)])
    write(top, "train_test_split.txt", [f"{n} {int(n % 3 > 0)}" for n in range(1, 7)])
    write(top, "classes.txt", ["1 001.Auk", "2 002.Wren"])


def facescrub(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"actors/faces": ("Adam A", "Bob B"), "actresses": ("Carla C", "Dora D")}
    draw(root, [f"{f}/{person}/{person}_{n}.jpg" for f, group in people.items() for person in group for n in (1, 2)])


def veri(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(root, [f"image_train/000{v}_c00{c}_0001645{c}_0.jpg" for v in (1, 3, 4, 6) for c in (1, 2)])
    draw(root, [f"image_test/000{v}_c01{c}_00017000_0.jpg" for v in (2, 5) for c in (1, 2)])
    draw(root, [f"image_query/000{v}_c011_00017000_0.jpg" for v in (2, 5)])


def veri_wild(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vehicles = {"train": (1, 2, 3, 4), "test": (7, 8)}
    taken = [f"{v:05d}/{10 * v + n:06d}" for group in vehicles.values() for v in group for n in (1, 2)]
    draw(root, [f"images/{name}.jpg" for name in taken])
    rows = [f"{name};{int(name[-1]) + 40};2018-03-1{name[-1]} 07:00:00;Audi;SUV;white" for name in taken]
    write(root, "train_test_split/vehicle_info.txt", ["id/image;Camera ID;Time;Model;Type;Color", *rows])
    write(root, "train_test_split/train_list.txt", taken[:8])
    write(root, "train_test_split/test_3000.txt", taken[9:12:2])
    write(root, "train_test_split/test_3000_query.txt", taken[8:12:2])


def clips(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(root, [f"{clip}/{n}.jpg" for clip in ("bear", "boat", "car") for n in (8, 9, 10, 11)])


BUILD = {
    "celeba": celeba, "cifar10": cifar10, "cifar100": cifar100, "clips": clips, "coco": coco, "cub": cub,
    "dogs": dogs, "facescrub": facescrub, "imagenet": imagenet, "veri": veri, "veri-wild": veri_wild,
}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(name: str) -> str:
        BUILD[name](tmp_path, monkeypatch)
        return f"{name}:{tmp_path}"

    return make


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
        ("dogs", "test_list.mat"), ("veri", "image_query"), ("veri-wild", "train_test_split/vehicle_info.txt"),
        ("veri-wild", "train_test_split/test_3000_query.txt"),
    ],
)  # fmt: skip
def test_a_missing_file_is_named(name, path, made, tmp_path):
    spec = made(name)
    (shutil.rmtree if (tmp_path / path).is_dir() else Path.unlink)(tmp_path / path)
    with pytest.raises(FileNotFoundError) as caught:
        open_collection(spec, "audit")
    assert f"{tmp_path / path} is missing" in str(caught.value)


def test_a_missing_picture_is_named_when_it_is_read(made, tmp_path):
    spec = made("celeba")
    (tmp_path / "img_align_celeba/000006.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"000006\.jpg is missing.*mmlab"):
        open_collection(spec, "val")[0]


@pytest.mark.parametrize("name", sorted(SETS))
def test_an_unknown_part_is_refused_with_those_there_are(name, made):
    with pytest.raises(ValueError, match="expected one of audit, private, public"):
        open_collection(made(name), "tset")


@pytest.mark.parametrize(("name", "classes"), [("cifar10", ("plane", "car")), ("cifar100", ("apple", "bee"))])
def test_cifar_pictures_are_upright_and_labelled(name, classes, made):
    spec = made(name)
    test = open_collection(spec, "test")
    assert test.classes == classes
    assert [known.label for known in facts(spec, "test")] == [0, 1, 0, 1]
    assert test[3].picture.dtype == torch.uint8
    assert test[3].picture.shape == (3, 32, 32)
    assert torch.equal(test[3].picture[0], test[3].picture[1] + 3)
    assert len(open_collection(spec, "private")) == len(open_collection(spec, "public"))
    assert {sample.label for sample in itertools.islice(open_source(spec, pool="audit", size=8), 4)} == set(classes)


def test_cifar_that_was_altered_is_not_unpickled(made, tmp_path):
    spec = made("cifar10")
    write(tmp_path, "cifar-10-batches-py/data_batch_2", b"something else")
    with pytest.raises(ValueError, match="MD5"):
        open_collection(spec, "train")


def test_cifar_in_a_zip_must_be_unpacked(made, tmp_path):
    made("cifar10")
    packed = shutil.make_archive(str(tmp_path.parent / f"{tmp_path.name}-cifar"), "zip", tmp_path)
    with pytest.raises(ValueError, match="unpacked folder"):
        open_collection(f"cifar10:{packed}", "train")


def test_imagenet_takes_class_indices_from_sorted_folders(made):
    spec = made("imagenet")
    assert open_collection(spec, "val").classes == ("n02", "n04")
    assert [known.label for known in facts(spec, "train")] == [0] * 4 + [1] * 4
    assert shades(spec, "val")[1] == shade("val/n04/ILSVRC2012_val_00000001.JPEG")


@pytest.mark.parametrize("kind", ["devkit", "meta.bin"])
def test_imagenet_takes_class_indices_from_the_devkit(kind, made, tmp_path):
    spec = made("imagenet")
    if kind == "meta.bin":
        torch.save((dict.fromkeys(("n04", "n03", "n02", "n01"), ("a name",)), []), tmp_path / "meta.bin")
    else:
        synsets = np.array(
            [(n, wnid, children) for n, wnid, children in ((1, "n04", 0), (2, "n02", 0), (3, "n01", 0), (4, "n00", 2))],
            dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)],
        )
        (tmp_path / "ILSVRC2012_devkit_t12/data").mkdir(parents=True)
        savemat(tmp_path / "ILSVRC2012_devkit_t12/data/meta.mat", {"synsets": synsets[:, None]})
    labels = {known.label for known in facts(spec, "val")}
    assert labels == ({1, 3} if kind == "meta.bin" else {1, 2})


def test_imagenet_validation_pictures_must_be_sorted(made, tmp_path):
    spec = made("imagenet")
    draw(tmp_path, ["val/ILSVRC2012_val_00000009.JPEG"])
    with pytest.raises(ValueError, match="sort the pictures by wnid"):
        open_collection(spec, "val")


def test_celeba_has_identities_and_attributes(made):
    spec = made("celeba")
    known = facts(spec, "train")
    assert [fact.identity for fact in known] == ["11", "11", "12", "13", "14"]
    assert [fact.attributes for fact in known][:2] == [(), ("Smiling",)]
    assert shades(spec, "val") == [shade("img_align_celeba/000006.jpg")]
    assert identities(spec, "audit") == {"11", "15"}
    assert identities(spec, "private") | identities(spec, "public") == {"12", "13", "14"}


def test_celeba_opens_as_its_owner_packs_it(made, tmp_path):
    spec = made("celeba")
    before = facts(spec, "train")
    for path, folder in (
        ("img_align_celeba", "Img"), ("list_attr_celeba.txt", "Anno"), ("identity_CelebA.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / path).rename(tmp_path / folder / path)
    assert facts(spec, "train") == before


def test_coco_pictures_have_their_first_caption(made):
    spec = made("coco")
    assert [fact.caption for fact in facts(spec, "train")] == ["caption 2 of 3", "caption 2 of 7"]
    assert shades(spec, "val") == [shade("val2017/000000000005.jpg")]
    assert open_collection(spec, "val")[0].caption == "caption 2 of 5"


def test_coco_may_lack_a_split(made, tmp_path):
    spec = made("coco")
    (tmp_path / "annotations/captions_val2017.json").unlink()
    assert len(open_collection(spec, "train")) == 2
    with pytest.raises(FileNotFoundError, match="no pictures of 'val'"):
        open_collection(spec, "val")


def test_dogs_are_split_by_the_owners_lists(made):
    spec = made("dogs")
    assert open_collection(spec, "train").classes == ("n1-Pug", "n2-Chow")
    assert [fact.label for fact in facts(spec, "train")] == [0, 0, 1]
    assert shades(spec, "test") == [shade("Images/n2-Chow/n2_2.jpg")]


def test_dogs_without_lists_are_one_split(made, tmp_path):
    spec = made("dogs")
    for path in tmp_path.glob("*.mat"):
        path.unlink()
    assert len(open_collection(spec, "all")) == 4
    assert sum(len(open_collection(spec, pool)) for pool in POOLS) == 4


def test_cub_has_labels_and_splits(made):
    spec = made("cub")
    assert open_collection(spec, "train").classes == ("001.Auk", "002.Wren")
    assert [fact.label for fact in facts(spec, "train")] == [0, 0, 1, 1]
    assert shades(spec, "test") == [shade("images/001.Auk/Auk_2.jpg"), shade("images/002.Wren/Wren_2.jpg")]


def test_facescrub_people_are_classes_and_identities(made):
    spec = made("facescrub")
    people = ("Adam A", "Bob B", "Carla C", "Dora D")
    assert open_collection(spec, "all").classes == people
    assert [fact.identity for fact in facts(spec, "all")] == [person for person in people for _ in (1, 2)]
    assert identities(spec, "audit") == {"Adam A", "Dora D"}
    assert {fact.label for fact in facts(spec, "public")} == {2}


def test_veri_names_give_identity_camera_and_frame(made):
    spec = made("veri")
    train = facts(spec, "train")
    assert (train[1].identity, train[1].camera, train[1].frame) == ("0001", "c002", 16452)
    assert train[1].label is None
    assert identities(spec, "query") == identities(spec, "gallery") == identities(spec, "audit") == {"0002", "0005"}
    assert len(open_collection(spec, "query")) == 2
    assert len(open_collection(spec, "audit")) == 4
    assert (identities(spec, "private"), identities(spec, "public")) == ({"0001", "0004"}, {"0003", "0006"})
    record = open_collection(spec, "query")[1]
    assert (record.identity, record.camera) == ("0005", "c011")
    assert int(record.picture[0, 0, 0]) == shade("image_query/0005_c011_00017000_0.jpg")
    assert {sample.label for sample in itertools.islice(open_source(spec, pool="public", size=8), 8)} == {
        "0003",
        "0006",
    }


def test_a_veri_picture_without_its_name_is_refused(made, tmp_path):
    spec = made("veri")
    draw(tmp_path, ["image_test/picture.jpg"])
    with pytest.raises(ValueError, match=r"picture\.jpg: expected a name such as"):
        open_collection(spec, "train")


def test_veri_wild_lists_give_identity_camera_and_time(made):
    spec = made("veri-wild")
    train = facts(spec, "train")
    assert (train[1].identity, train[1].camera, train[1].time) == ("00001", "42", "2018-03-12 07:00:00")
    assert shades(spec, "query-3000") == [shade("images/00007/000071.jpg"), shade("images/00008/000081.jpg")]
    assert {fact.camera for fact in facts(spec, "gallery-3000")} == {"42"}
    assert identities(spec, "audit") == {"00007", "00008"}
    with pytest.raises(FileNotFoundError, match="no pictures of 'query-5000'"):
        open_collection(spec, "query-5000")


def test_veri_wild_lists_may_have_their_other_names(made, tmp_path):
    spec = made("veri-wild")
    before = {part: facts(spec, part) for part in ("train", "query-3000", "gallery-3000")}
    lists = tmp_path / "train_test_split"
    for old, new in (
        ("train_list", "train_list_start0"),
        ("test_3000", "test_3000_id"),
        ("test_3000_query", "test_3000_id_query"),
    ):
        lines = (lists / f"{old}.txt").read_text().split()
        (lists / f"{old}.txt").unlink()
        write(lists, f"{new}.txt", [f"{line}.jpg 0 41" for line in lines])
    assert {part: facts(spec, part) for part in before} == before


def test_frames_of_a_clip_come_in_order_and_stay_together(made):
    spec = made("clips")
    known = facts(spec, "all")
    assert [(fact.clip, fact.frame) for fact in known[:5]] == [
        ("bear", 8), ("bear", 9), ("bear", 10), ("bear", 11), ("boat", 8),
    ]  # fmt: skip
    assert {fact.clip for fact in facts(spec, "audit")} == {"bear"}
    assert {fact.clip for fact in facts(spec, "public")} == {"car"}
    stream = [
        round(255 * float(s.picture.mean())) for s in itertools.islice(open_source(spec, pool="public", size=8), 8)
    ]
    assert stream == 2 * [shade(f"car/{n}.jpg") for n in (8, 9, 10, 11)]


def test_davis_is_opened_at_its_480p_frames(made, tmp_path):
    draw(tmp_path / "DAVIS", ["JPEGImages/480p/bear/00000.jpg", "Annotations/480p/bear/00000.png"])
    assert [fact.clip for fact in facts(f"clips:{tmp_path}", "all")] == ["bear"]


@pytest.mark.parametrize("name", ["veri", "celeba", "cub", "clips", "imagenet"])
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
    draw(tmp_path, [f"{part}/person{p}/{n}.png" for part in ("private", "public") for p in (1, 2) for n in (1, 2)])
    private = open_collection(str(tmp_path), "private")
    assert private.classes == ("person1", "person2")
    assert [private.facts(index).label for index in range(4)] == [0, 0, 1, 1]
    assert private[2].identity == "person2"
    assert int(private[2].picture[0, 0, 0]) == shade("private/person2/1.png")
    assert shades(str(tmp_path), "audit") == shades(str(tmp_path), "private")
    with pytest.raises(FileNotFoundError, match="no folder 'val'"):
        open_collection(str(tmp_path), "val")


def test_a_flat_folder_is_shared_as_the_stream_shares_it(tmp_path):
    draw(tmp_path, [f"{n}.png" for n in range(6)])
    spec = str(tmp_path)
    pools = {pool: shades(spec, pool) for pool in ("audit", "public")}
    assert sorted(pools["audit"] + pools["public"]) == sorted(shade(f"{n}.png") for n in range(6))
    for pool, values in pools.items():
        stream = itertools.islice(open_source(spec, pool=pool, size=8), 3)
        assert sorted(round(255 * float(sample.picture.mean())) for sample in stream) == sorted(values)
    assert open_collection(spec, "audit")[0].label is None


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
