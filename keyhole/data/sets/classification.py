"""Classification sets: ImageNet, CIFAR, CUB-200-2011 and Stanford Dogs."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10, CIFAR100

from keyhole.data.sets.collection import ListedPicture, Listing, PictureFacts
from keyhole.data.sets.layout import DataSetLayout, Files

_META = "meta.bin"
_DEVKIT = "ILSVRC2012_devkit_t12/data/meta.mat"


def _read_imagenet(files: Files) -> Listing:
    """ImageNet (ILSVRC 2012): one folder per WordNet id, as torchvision's ``ImageNet`` leaves it."""
    files = files.inside("ILSVRC2012", "imagenet", "ILSVRC/Data/CLS-LOC")
    found = {split: files.pictures(split) for split in files.some("train", "val")}
    for split, paths in found.items():
        for path in paths:
            if len(path.parts) != 2:
                raise files.damaged(f"{split}/{path}", "expected <split>/<wnid>/<picture>; sort the pictures by wnid")
    wnids = _wnids(files) or sorted({path.parts[0] for paths in found.values() for path in paths})
    index = {wnid: number for number, wnid in enumerate(wnids)}
    entries = []
    for split, paths in found.items():
        for path in paths:
            name = f"{split}/{path}"
            if path.parts[0] not in index:
                raise files.damaged(name, f"{path.parts[0]} is none of the {len(wnids)} classes of the devkit")
            entries.append(files.listed(name, split, PictureFacts(label=index[path.parts[0]])))
    return Listing(tuple(entries), tuple(wnids))


def _wnids(files: Files) -> list[str]:
    """The classes in the order of their indices, from the devkit or from what torchvision keeps of it; else none."""
    if files.exists(_META):
        return sorted(files.parsed(_META, partial(torch.load, weights_only=True))[0])
    if files.exists(_DEVKIT):
        from scipy.io import loadmat  # noqa: PLC0415 - slow to import, and only the devkit needs it

        synsets = np.atleast_1d(files.parsed(_DEVKIT, partial(loadmat, squeeze_me=True))["synsets"])
        return sorted(str(synset["WNID"]) for synset in synsets if int(synset["num_children"]) == 0)
    return []


IMAGENET = DataSetLayout(
    title="ImageNet",
    task="classification, 1000 classes",
    tree=f"{{train,val}}/<wnid>/<picture>.JPEG, and {_META} or {_DEVKIT} where classes are left out",
    owner="https://image-net.org/download (on request)",
    splits=("train", "val"),
    read=_read_imagenet,
)


def _read_cifar(which: Any, files: Files) -> Listing:
    """CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the Python version, through torchvision."""
    files = files.inside(which.base_folder)
    names = [name for name, _ in (*which.train_list, *which.test_list)]
    files.need(*names, which.meta["filename"])
    folder = files.root / files.under
    if not folder.is_dir() or folder.resolve().name != which.base_folder:
        raise files.damaged("", f"expected an unpacked folder of the name {which.base_folder}")
    entries: list[ListedPicture] = []
    classes: tuple[str, ...] = ()
    for split in ("train", "test"):
        try:
            data = which(folder.resolve().parent, train=split == "train", download=False)
        except RuntimeError as error:
            raise files.damaged("", "a file's MD5 sum is not that of the owner's") from error
        classes = tuple(data.classes)
        entries += [
            ListedPicture(
                f"{split}/{index:05d}", split, partial(_cifar_picture, data.data, index), PictureFacts(label=int(label))
            )
            for index, label in enumerate(data.targets)
        ]
    return Listing(tuple(entries), classes)


def _cifar_picture(data: npt.NDArray[np.uint8], index: int) -> Tensor:
    return torch.from_numpy(data[index].copy()).permute(2, 0, 1).contiguous()


CIFAR_10 = DataSetLayout(
    title="CIFAR-10",
    task="classification, 10 classes, 32 px",
    tree="cifar-10-batches-py/{data_batch_1 … data_batch_5, test_batch, batches.meta}, unpacked",
    owner="https://www.cs.toronto.edu/~kriz/cifar.html (cifar-10-python.tar.gz)",
    splits=("train", "test"),
    read=partial(_read_cifar, CIFAR10),
)
CIFAR_100 = DataSetLayout(
    title="CIFAR-100",
    task="classification, 100 classes, 32 px",
    tree="cifar-100-python/{train, test, meta}, unpacked",
    owner="https://www.cs.toronto.edu/~kriz/cifar.html (cifar-100-python.tar.gz)",
    splits=("train", "test"),
    read=partial(_read_cifar, CIFAR100),
)


def _read_cub(files: Files) -> Listing:
    """Caltech-UCSD Birds-200-2011 (Wah et al. 2011)."""
    files = files.inside("CUB_200_2011")
    files.need("images", "images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
    names, labels = files.pairs("images.txt"), files.pairs("image_class_labels.txt")
    training, classes = files.pairs("train_test_split.txt"), files.pairs("classes.txt")
    for path, column in (("image_class_labels.txt", labels), ("train_test_split.txt", training)):
        if column.keys() != names.keys():
            raise files.damaged(path, "its pictures are not those of images.txt")
    if not classes.keys() >= set(labels.values()):
        raise files.damaged("image_class_labels.txt", "its classes are not those of classes.txt")
    index = {number: place for place, number in enumerate(classes)}
    entries = [
        files.listed(
            f"images/{name}",
            "train" if training[number] == "1" else "test",
            PictureFacts(label=index[labels[number]]),
            name,
        )
        for number, name in names.items()
    ]
    return Listing(tuple(entries), tuple(classes.values()))


CUB = DataSetLayout(
    title="CUB-200-2011",
    task="classification, 200 birds",
    tree="CUB_200_2011/{images/<class>/<picture>.jpg, images.txt, image_class_labels.txt, train_test_split.txt, "
    "classes.txt}",
    owner="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    splits=("train", "test"),
    read=_read_cub,
)


_DOG_LISTS = {"train": ("train_list.mat", "lists/train_list.mat"), "test": ("test_list.mat", "lists/test_list.mat")}


def _read_dogs(files: Files) -> Listing:
    """Stanford Dogs (Khosla et al. 2011), and any set of class folders with the same kind of lists."""
    found = files.pictures("Images")
    classes = tuple(sorted({path.parts[0] for path in found}))
    index = {name: number for number, name in enumerate(classes)}
    listed = {"all": list(map(str, found))}
    if any(files.exists(path) for paths in _DOG_LISTS.values() for path in paths):
        listed = {split: _dog_names(files, files.first(*paths)) for split, paths in _DOG_LISTS.items()}
    entries = []
    for split, names in listed.items():
        for name in names:
            folder = PurePosixPath(name).parts[0]
            if folder not in index:
                raise files.missing(f"Images/{name}")
            entries.append(files.listed(f"Images/{name}", split, PictureFacts(label=index[folder]), name))
    return Listing(tuple(entries), classes)


def _dog_names(files: Files, path: str) -> list[str]:
    from scipy.io import loadmat  # noqa: PLC0415 - slow to import, and only these lists need it

    names = files.parsed(path, partial(loadmat, squeeze_me=True))["file_list"]
    return [str(name) for name in np.atleast_1d(names)]


DOGS = DataSetLayout(
    title="Stanford Dogs",
    task="classification, 120 breeds",
    tree="Images/<class>/<picture>.jpg, and train_list.mat with test_list.mat for the owner's splits",
    owner="http://vision.stanford.edu/aditya86/ImageNetDogs/",
    splits=("train", "test", "all"),
    read=_read_dogs,
)
