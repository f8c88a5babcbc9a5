"""Every data set, as a few generated pictures in its owner's layout."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import CIFAR10, CIFAR100

from keyhole.data import open_collection
from keyhole.data.sets import inversion


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


def celeba_diff_mi(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    celeba(root, monkeypatch)
    monkeypatch.setattr(inversion, "CELEBA_PEOPLE", 2)
    monkeypatch.setattr(inversion, "CELEBA_PUBLIC", 2)


def cub_diff_mi(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cub(root, monkeypatch)
    write(root / "CUB_200_2011", "bounding_boxes.txt", [f"{n} 2.0 1.0 4.0 {n}.0" for n in range(1, 7)])
    monkeypatch.setattr(inversion, "CUB_CLASSES", 1)


def chestxray14(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {
        "00000001_000.png": "Cardiomegaly", "00000001_001.png": "Cardiomegaly|Effusion", "00000002_000.png": "Effusion",
        "00000003_000.png": "No Finding", "00000004_000.png": "Effusion", "00000005_000.png": "Cardiomegaly",
        "00000006_000.png": "No Finding", "00000007_000.png": "Effusion", "00000002_001.png": "No Finding",
    }  # fmt: skip
    names = list(rows)
    draw(root, [f"images_00{1 + n % 2}/images/{name}" for n, name in enumerate(names)])
    table = [f"{name},{found},0,{int(name[:8])},058,M,PA,2682,2749" for name, found in rows.items()]
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,Width,Height"
    write(root, "Data_Entry_2017.csv", [header, *table])
    write(root, "train_val_list.txt", [*names[:4], *names[6:7], names[8]])
    write(root, "test_list.txt", [*names[4:6], names[7]])


def chestxray14_diff_mi(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chestxray14(root, monkeypatch)
    monkeypatch.setattr(inversion, "CHEST_EACH", 4)


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


def market1501(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = root / "Market-1501-v15.09.15"
    draw(top, [f"bounding_box_train/{who:04d}_c{c}s1_00045{c}_01.jpg" for who in (2, 7, 10, 11) for c in (1, 2)])
    draw(top, [f"query/{who:04d}_c1s1_000151_00.jpg" for who in (1, 3)])
    draw(
        top, [f"bounding_box_test/{who}_c{c}s2_000200_02.jpg" for who in ("0001", "0003", "0000", "-1") for c in (2, 3)]
    )
    draw(top, ["gt_bbox/0001_c1s1_001051_00.jpg"])
    write(top, "readme.txt", "owner's words")


def dukemtmc(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = root / "DukeMTMC-reID"
    draw(top, [f"bounding_box_train/{who:04d}_c{c}_f004618{c}.jpg" for who in (1, 2, 7, 9) for c in (2, 5)])
    draw(top, ["query/0005_c2_f0046985.jpg", "query/0033_c1_f0057706.jpg"])
    draw(
        top, [f"bounding_box_test/{name}.jpg" for name in ("0005_c1_f0046985", "0033_c6_f0057706", "7121_c8_f0200000")]
    )


def msmt17(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"train": (0, 1, 2, 3), "val": (0, 3), "query": (0, 1), "gallery": (0, 1)}
    for turn, (split, who) in enumerate(people.items()):
        folder = "mask_test_v2" if turn > 1 else "mask_train_v2"
        names = [f"{person:04d}/{person:04d}_{turn:03d}_{turn + 1:02d}_0303morning_0015_0.jpg" for person in who]
        draw(root / "MSMT17_V2", [f"{folder}/{name}" for name in names])
        rows = [f"{name} {person}" for name, person in zip(names, who, strict=True)]
        write(root / "MSMT17_V2", f"list_{split}.txt", rows)


BUILD = {
    "celeba-diff-mi": celeba_diff_mi, "chestxray14": chestxray14, "chestxray14-diff-mi": chestxray14_diff_mi,
    "cub-diff-mi": cub_diff_mi, "celeba": celeba, "cifar10": cifar10, "cifar100": cifar100, "clips": clips,
    "coco": coco, "cub": cub,
    "dogs": dogs, "dukemtmc": dukemtmc, "facescrub": facescrub, "imagenet": imagenet, "market1501": market1501,
    "msmt17": msmt17, "veri": veri, "veri-wild": veri_wild,
}  # fmt: skip
