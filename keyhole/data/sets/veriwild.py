"""VERI-Wild (Lou et al. 2019): vehicles before 174 cameras over a month, with three sizes of test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from keyhole.data.sets.files import Files
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts

_LISTS = "train_test_split"
_INFO = f"{_LISTS}/vehicle_info.txt"
_TESTS = {
    f"{kind}-{size}": tuple(f"{_LISTS}/test_{size}{mark}{ending}.txt" for mark in ("", "_id"))
    for size in (3000, 5000, 10000)
    for kind, ending in (("query", "_query"), ("gallery", ""))
}


def _read(files: Files) -> Listing:
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
            facts = Facts(identity=PurePosixPath(name).parts[0], camera=camera, time=time)
            entries.append(Entry(name, split, files.picture(f"images/{name}.jpg"), facts))
    return Listing(tuple(entries))


def _lists(files: Files) -> Iterator[tuple[str, str]]:
    """Splits with their lists; tests of the larger sizes may be absent."""
    yield "train", files.first(f"{_LISTS}/train_list.txt", f"{_LISTS}/train_list_start0.txt")
    for split, paths in _TESTS.items():
        if split.endswith("-3000") or any(map(files.exists, paths)):
            yield split, files.first(*paths)


def _cameras_and_times(files: Files) -> dict[str, tuple[str, str]]:
    """By ``identity/picture``; the file has a header, then ``identity/picture;camera;time;…``."""
    rows = [line.split(";") for line in files.lines(_INFO)[1:]]
    if any(len(row) < 3 for row in rows):
        raise files.damaged(_INFO, "expected identity/picture;camera;time;… in every line")
    return {str(PurePosixPath(name).with_suffix("")): (camera, time) for name, camera, time, *_ in rows}


VERI_WILD = Layout(
    title="VERI-Wild",
    task="vehicle re-identification",
    tree="images/<identity>/<n>.jpg, train_test_split/{vehicle_info.txt, train_list.txt, test_3000_query.txt, "
    "test_3000.txt, the same for 5000 and 10000} (or with _start0 and _id in the lists' names)",
    owner="https://github.com/PKU-IMRE/VERI-Wild (on request)",
    splits=("train", *_TESTS),
    read=_read,
)
