"""Re-identification sets: Market-1501, DukeMTMC-reID, VeRi-776, MSMT17 and VERI-Wild."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from keyhole.data.sets.collection import Listing, PictureFacts
from keyhole.data.sets.layout import DataSetLayout, Files

JUNK, DISTRACTOR = -1, 0
"""Identities of Market-1501 with a meaning of their own: detections that are neither good nor bad, which do not count
in a score, and false detections, which a search must not find."""


@dataclass(frozen=True)
class FileNameReader:
    """Reader of sets with a folder for each split, whose file names say who is seen, and by which camera.

    Attributes:
        tops: names of the folder around them, which may be absent.
        folders: by split (``train``, ``query``, ``gallery``).
        pattern: regular expression of a file's name without its suffix, with the groups identity, camera and frame.
        example: a name that it matches.
        with_junk: whether identities below 1 are `JUNK`, which is left out everywhere, and `DISTRACTOR`, which the
            gallery has under one identity.
    """

    tops: tuple[str, ...]
    folders: Mapping[str, str]
    pattern: str
    example: str
    with_junk: bool = False

    def __call__(self, files: Files) -> Listing:
        """The pictures of all splits.

        Raises:
            MissingError: a folder is not there or holds no pictures.
            UsageError: a file's name does not match the pattern.
        """
        files = files.inside(*self.tops)
        files.need(*self.folders.values())
        entries = []
        for split, folder in self.folders.items():
            for path in files.pictures(folder):
                parsed = re.fullmatch(self.pattern, path.stem)
                if not parsed:
                    raise files.damaged(f"{folder}/{path}", f"expected a name such as {self.example}")
                if not self._is_left_out(int(parsed["identity"]), split):
                    facts = PictureFacts(
                        identity=parsed["identity"], camera=parsed["camera"], frame=int(parsed["frame"])
                    )
                    entries.append(files.listed(f"{folder}/{path}", split, facts, path.name))
        return Listing(tuple(entries))

    def _is_left_out(self, identity: int, split: str) -> bool:
        return self.with_junk and (identity == JUNK or (identity == DISTRACTOR and split != "gallery"))


# Market-1501 (Zheng et al. 2015) and DukeMTMC-reID (Zheng et al. 2017), which has its layout: people before cameras.
# Market-1501 has 3,819 pictures of identity -1, junk, which are left out as its owner neglects them in a ranking, and
# 2,798 of 0000, distractors, which stay in the gallery. The distractors of DukeMTMC-reID are people whom one camera
# saw, with identities of their own; it has no junk.
_MARKET_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
_MARKET = FileNameReader(
    tops=("Market-1501-v15.09.15", "Market-1501", "market1501"),
    folders=_MARKET_FOLDERS,
    pattern=r"(?P<identity>-1|\d+)_(?P<camera>c\d)s\d_(?P<frame>\d+)_\d+",
    example="0002_c1s1_000451_03.jpg",
    with_junk=True,
)
_DUKE = FileNameReader(
    tops=("DukeMTMC-reID", "dukemtmc-reid"),
    folders=_MARKET_FOLDERS,
    pattern=r"(?P<identity>\d+)_(?P<camera>c\d)_f(?P<frame>\d+)",
    example="0005_c2_f0046985.jpg",
)
MARKET_1501 = DataSetLayout(
    title="Market-1501",
    task="person re-identification",
    tree="{bounding_box_train,query,bounding_box_test}/<identity>_c<camera>s<sequence>_<frame>_<n>.jpg",
    owner="http://www.liangzheng.org/Project/project_reid.html",
    splits=tuple(_MARKET_FOLDERS),
    read=_MARKET,
)
DUKE_MTMC = DataSetLayout(
    title="DukeMTMC-reID",
    task="person re-identification",
    tree="{bounding_box_train,query,bounding_box_test}/<identity>_c<camera>_f<frame>.jpg",
    owner="https://github.com/layumi/DukeMTMC-reID_evaluation",
    splits=tuple(_MARKET_FOLDERS),
    read=_DUKE,
)


# VeRi-776 (Liu et al. 2016): vehicles before 20 cameras; the file name says which and where.
_VERI = FileNameReader(
    tops=("VeRi", "VeRi-776", "veri"),
    folders={"train": "image_train", "query": "image_query", "gallery": "image_test"},
    pattern=r"(?P<identity>\d+)_(?P<camera>c\d+)_(?P<frame>\d+)_\d+",
    example="0001_c001_00016450_0.jpg",
)
VERI = DataSetLayout(
    title="VeRi-776",
    task="vehicle re-identification",
    tree="{image_train,image_query,image_test}/<identity>_c<camera>_<frame>_<n>.jpg",
    owner="https://github.com/JDAI-CV/VeRidataset (on request)",
    splits=tuple(_VERI.folders),
    read=_VERI,
)


# MSMT17 (Wei et al. 2018), both versions: people before 15 cameras, listed by split; none is a distractor.
_MSMT_LISTS = {
    "train": ("train", "list_train.txt"),
    "train-val": ("train", "list_val.txt"),
    "query": ("test", "list_query.txt"),
    "gallery": ("test", "list_gallery.txt"),
}
_MSMT_FOLDERS = {"train": ("mask_train_v2", "train"), "test": ("mask_test_v2", "test")}


def _read_msmt(files: Files) -> Listing:
    """Training and test number their people from 0 each, so identities are given as ``train-0`` and ``test-0``."""
    files = files.inside("MSMT17_V2", "MSMT17_V1", "MSMT17", "msmt17")
    folders = {half: files.first(*names) for half, names in _MSMT_FOLDERS.items()}
    files.need(*(path for _, path in _MSMT_LISTS.values()))
    entries = []
    for split, (half, path) in _MSMT_LISTS.items():
        for name, person in files.pairs(path).items():
            words = PurePosixPath(name).stem.split("_")
            if len(words) < 5 or not person.isdecimal():
                raise files.damaged(path, "expected lines such as 0000/0000_000_01_0303morning_0015_0.jpg 0")
            facts = PictureFacts(identity=f"{half}-{person}", camera=words[2], time=words[3])
            entries.append(files.listed(f"{folders[half]}/{name}", split, facts))
    return Listing(tuple(entries))


MSMT17 = DataSetLayout(
    title="MSMT17",
    task="person re-identification",
    tree="{mask_train_v2,mask_test_v2}/<identity>/<picture>.jpg (the first version: {train,test}), list_train.txt, "
    "list_val.txt, list_query.txt, list_gallery.txt",
    owner="http://www.pkuvmc.com/publications/msmt17.html (on request)",
    splits=tuple(_MSMT_LISTS),
    read=_read_msmt,
)


# VERI-Wild (Lou et al. 2019): vehicles before 174 cameras over a month, with three sizes of test.
_WILD_LISTS = "train_test_split"
_INFO = f"{_WILD_LISTS}/vehicle_info.txt"
_TESTS = {
    f"{kind}-{size}": tuple(f"{_WILD_LISTS}/test_{size}{mark}{ending}.txt" for mark in ("", "_id"))
    for size in (3000, 5000, 10000)
    for kind, ending in (("query", "_query"), ("gallery", ""))
}


def _read_veri_wild(files: Files) -> Listing:
    files = files.inside("VERI-Wild", "VeRi-Wild", "veri-wild")
    files.need("images", _INFO)
    seen = _cameras_and_times(files)
    entries = []
    for split, path in _lists(files):
        for line in files.lines(path):
            name = str(PurePosixPath(line.split()[0]).with_suffix(""))
            if name not in seen:
                raise files.damaged(path, f"{name} is not in {_INFO}")
            camera, time = seen[name]
            facts = PictureFacts(identity=PurePosixPath(name).parts[0], camera=camera, time=time)
            entries.append(files.listed(f"images/{name}.jpg", split, facts, name))
    return Listing(tuple(entries))


def _lists(files: Files) -> Iterator[tuple[str, str]]:
    """Splits with their lists; tests of the larger sizes may be absent."""
    yield "train", files.first(f"{_WILD_LISTS}/train_list.txt", f"{_WILD_LISTS}/train_list_start0.txt")
    for split, paths in _TESTS.items():
        if split.endswith("-3000") or any(map(files.exists, paths)):
            yield split, files.first(*paths)


def _cameras_and_times(files: Files) -> dict[str, tuple[str, str]]:
    """By ``identity/picture``; the file has a header, then ``identity/picture;camera;time;…``."""
    rows = [line.split(";") for line in files.lines(_INFO)[1:]]
    if any(len(row) < 3 for row in rows):
        raise files.damaged(_INFO, "expected identity/picture;camera;time;… in every line")
    return {str(PurePosixPath(name).with_suffix("")): (camera, time) for name, camera, time, *_ in rows}


VERI_WILD = DataSetLayout(
    title="VERI-Wild",
    task="vehicle re-identification",
    tree="images/<identity>/<n>.jpg, train_test_split/{vehicle_info.txt, train_list.txt, test_3000_query.txt, "
    "test_3000.txt, the same for 5000 and 10000} (or with _start0 and _id in the lists' names)",
    owner="https://github.com/PKU-IMRE/VERI-Wild (on request)",
    splits=("train", *_TESTS),
    read=_read_veri_wild,
)
