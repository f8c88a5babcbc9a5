"""Face sets: CelebA and FaceScrub."""

from __future__ import annotations

from keyhole.data.sets.collection import Listing, PictureFacts
from keyhole.data.sets.layout import DataSetLayout, Files

# CelebA (Liu et al. 2015): aligned faces with identities and 40 attributes.
_SPLITS = {"0": "train", "1": "val", "2": "test"}


def _read_celeba(files: Files) -> Listing:
    files = files.inside("celeba", "CelebA")
    folder = files.first("img_align_celeba", "Img/img_align_celeba")
    attributes = _attributes(files, files.first("list_attr_celeba.txt", "Anno/list_attr_celeba.txt"))
    identities = files.pairs(files.first("identity_CelebA.txt", "Anno/identity_CelebA.txt"))
    partition = files.first("list_eval_partition.txt", "Eval/list_eval_partition.txt")
    entries = []
    for name, number in files.pairs(partition).items():
        if name not in identities or name not in attributes or number not in _SPLITS:
            raise files.damaged(partition, f"{name} has no identity, no attributes or no split")
        facts = PictureFacts(identity=identities[name], attributes=attributes[name])
        entries.append(files.listed(f"{folder}/{name}", _SPLITS[number], facts, name))
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


CELEBA = DataSetLayout(
    title="CelebA",
    task="faces: identities, attributes",
    tree="img_align_celeba/<n>.jpg, list_attr_celeba.txt, identity_CelebA.txt, list_eval_partition.txt "
    "(or as they come, in Img/, Anno/ and Eval/)",
    owner="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (identities on request)",
    splits=("train", "val", "test"),
    read=_read_celeba,
)


def _read_facescrub(files: Files) -> Listing:
    """FaceScrub (Ng & Winkler 2014), downloaded by its lists into one folder per person."""
    files = files.inside("facescrub", "FaceScrub")
    found: dict[str, str] = {}
    for group in files.some("actors", "actresses"):
        folder = files.first(f"{group}/faces", group)
        for path in files.pictures(folder):
            if len(path.parts) < 2:
                raise files.damaged(f"{folder}/{path}", "expected a folder per person")
            found[f"{folder}/{path}"] = path.parts[0]
    people = tuple(sorted(set(found.values())))
    index = {person: number for number, person in enumerate(people)}
    entries = [
        files.listed(path, "all", PictureFacts(label=index[person], identity=person)) for path, person in found.items()
    ]
    return Listing(tuple(entries), people)


FACESCRUB = DataSetLayout(
    title="FaceScrub",
    task="faces: identities",
    tree="{actors,actresses}/[faces/]<person>/<picture>.jpg",
    owner="http://vintage.winklerbros.net/facescrub.html (lists of links, on request)",
    splits=("all",),
    read=_read_facescrub,
)
