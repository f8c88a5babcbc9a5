"""CelebA (Liu et al. 2015): aligned faces with identities and 40 attributes."""

from __future__ import annotations

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_SPLITS = {"0": "train", "1": "val", "2": "test"}


def _read(files: Files) -> Listing:
    files = files.inside("celeba", "CelebA")
    folder = files.first("img_align_celeba", "Img/img_align_celeba")
    attributes = _attributes(files, files.first("list_attr_celeba.txt", "Anno/list_attr_celeba.txt"))
    identities = files.pairs(files.first("identity_CelebA.txt", "Anno/identity_CelebA.txt"))
    partition = files.first("list_eval_partition.txt", "Eval/list_eval_partition.txt")
    entries = []
    for name, number in files.pairs(partition).items():
        if name not in identities or name not in attributes or number not in _SPLITS:
            raise files.damaged(partition, f"{name} has no identity, no attributes or no split")
        facts = Facts(identity=identities[name], attributes=attributes[name])
        entries.append(Entry(name, _SPLITS[number], files.picture(f"{folder}/{name}"), facts))
    return Listing(tuple(entries))


def _attributes(files: Files, path: str) -> dict[str, tuple[str, ...]]:
    """Names of the attributes that each picture has; the file has a count, the names, and rows of 1 and -1."""
    header, *rows = [line.split() for line in files.lines(path)[1:]] or [[]]
    if any(len(row) != len(header) + 1 for row in rows):
        raise files.damaged(path, f"expected {len(header)} values after the name in every line")
    return {
        name: tuple(attribute for attribute, value in zip(header, values, strict=True) if value == "1")
        for name, *values in rows
    }


CELEBA = Layout(
    title="CelebA",
    task="faces: identities, attributes",
    tree="img_align_celeba/<n>.jpg, list_attr_celeba.txt, identity_CelebA.txt, list_eval_partition.txt "
    "(or as they come, in Img/, Anno/ and Eval/)",
    owner="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (identities on request)",
    splits=("train", "val", "test"),
    read=_read,
)
