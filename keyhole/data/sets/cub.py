"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011)."""

from __future__ import annotations

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts


def _read(files: Files) -> Listing:
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
        Entry(
            name,
            "train" if training[number] == "1" else "test",
            files.picture(f"images/{name}"),
            Facts(label=index[labels[number]]),
        )
        for number, name in names.items()
    ]
    return Listing(tuple(entries), tuple(classes.values()))


CUB = Layout(
    title="CUB-200-2011",
    task="classification, 200 birds",
    tree="CUB_200_2011/{images/<class>/<picture>.jpg, images.txt, image_class_labels.txt, train_test_split.txt, "
    "classes.txt}",
    owner="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    splits=("train", "test"),
    read=_read,
)
