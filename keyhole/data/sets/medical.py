"""ChestX-ray14: X-ray pictures of chests with the findings of their reports."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import PurePosixPath

from keyhole.data.sets.collection import Listing, PictureFacts
from keyhole.data.sets.layout import DataSetLayout, Files

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
NO_FINDING = "No Finding"
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_LISTS: Mapping[str, str] = {"train": "train_val_list.txt", "test": "test_list.txt"}
_NAME, _FOUND, _PATIENT = "Image Index", "Finding Labels", "Patient ID"


def read_chestxray(files: Files) -> Listing:
    """ChestX-ray14 (Wang et al. 2017): a picture's findings are its attributes, its patient is the identity. A picture
    with one finding has that as its label."""
    rows = _rows(files)
    places = {path.name: str(path) for path in files.pictures("")}
    index = {name: number for number, name in enumerate(FINDINGS)}
    entries = []
    for split, path in _LISTS.items():
        for name in files.lines(path):
            if name not in rows:
                raise files.damaged(path, f"{name} is not in {files.first(*_TABLES)}")
            if name not in places:
                raise files.missing(f"images/{name}")
            found = tuple(finding for finding in rows[name][_FOUND].split("|") if finding != NO_FINDING)
            label = index.get(found[0]) if len(found) == 1 else None
            facts = PictureFacts(label=label, identity=rows[name][_PATIENT], attributes=found)
            entries.append(files.listed(places[name], split, facts, name))
    return Listing(tuple(entries), FINDINGS)


def _rows(files: Files) -> dict[str, dict[str, str]]:
    """The lines of the owner's table by the picture's name."""
    path = files.first(*_TABLES)
    rows = list(csv.DictReader(io.StringIO("\n".join(files.lines(path)))))
    if not rows or not {_NAME, _FOUND, _PATIENT} <= rows[0].keys() or any(None in row.values() for row in rows):
        raise files.damaged(path, f"expected a table with the columns {_NAME}, {_FOUND} and {_PATIENT}")
    strange = {finding for row in rows for finding in row[_FOUND].split("|")} - {*FINDINGS, NO_FINDING}
    if strange:
        raise files.damaged(path, f"{min(strange)} is none of the 14 findings")
    return {PurePosixPath(row[_NAME]).name: row for row in rows}


CHESTXRAY_14 = DataSetLayout(
    title="ChestX-ray14",
    task="14 findings in X-rays of chests, several in some pictures",
    tree="images[_001 … _012/images]/<patient>_<n>.png, Data_Entry_2017.csv (or …_v2020.csv), train_val_list.txt, "
    "test_list.txt",
    owner="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    splits=("train", "test"),
    read=read_chestxray,
)
