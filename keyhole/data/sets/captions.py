"""Captions of a folder's pictures: a table beside them, as diffusers' training scripts take it, or text files."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any

from keyhole.data.sets.collection import Collection
from keyhole.data.sets.tree import Tree
from keyhole.service.errors import UsageError

TABLES = ("captions.csv", "metadata.csv", "metadata.jsonl")
SIDECAR = ".txt"
EXPECTED = (
    f"expected {TABLES[0]}, {TABLES[1]} or {TABLES[2]} in the folder, with `file_name` and `text`, or a text file of "
    "each picture's name beside it; `streetcam` and `coco:PATH` have captions of their own"
)
_NAME, _TEXTS = "file_name", ("text", "caption")
_log = logging.getLogger(__name__)


def captions_in(
    tree: Tree, root: Path, under: str, files: Sequence[PurePosixPath], pictures: Sequence[PurePosixPath]
) -> Mapping[PurePosixPath, str]:
    """Captions by the pictures' paths. Where a table and a text file both have one, the table's counts.

    A table's names are relative to its own folder, as the Hugging Face loader ``imagefolder`` has them.

    Args:
        tree: the folder or zip.
        root: its path, for messages.
        under: the folder in it that the paths are relative to.
        files: all files there.
        pictures: those of them that are pictures.

    Raises:
        UsageError: a table without the two columns, or a damaged one.
    """
    captions = dict(_beside(tree, under, files, pictures))
    known = set(pictures)
    for table in sorted((path for path in files if path.name in TABLES), key=lambda path: len(path.parts)):
        place = str(PurePosixPath(under) / table)
        rows = {table.parent / name: text for name, text in _rows(tree.read(place), table.name, root / place)}
        captions |= {path: text for path, text in rows.items() if path in known and text}
        if strange := [path for path in rows if path not in known]:
            _log.warning(
                "%s: %d of %d names are no picture here, such as %s", root / place, len(strange), len(rows), strange[0]
            )
    return captions


def is_of_captions(path: PurePosixPath, stems: Set[PurePosixPath]) -> bool:
    """Whether a file holds captions: a table, or a text file with the name of a picture.

    Args:
        path: of the file.
        stems: the pictures' paths without their suffixes.
    """
    return path.name in TABLES or (path.suffix.lower() == SIDECAR and path.with_suffix("") in stems)


def captions_of(pictures: Collection, indices: Sequence[int], source: str, need: str) -> list[str]:
    """The caption of each picture.

    Args:
        pictures: the set.
        indices: which of it.
        source: its name, for the message.
        need: what takes captions, for the message.

    Raises:
        UsageError: a picture has none.
    """
    found = [pictures.facts(index).caption for index in indices]
    captions = [caption for caption in found if caption]
    if len(captions) < len(found):
        raise UsageError(
            f"{source}: {len(found) - len(captions)} of {len(found)} pictures have no caption, which {need} takes: "
            f"{EXPECTED}"
        )
    return captions


def _beside(
    tree: Tree, under: str, files: Sequence[PurePosixPath], pictures: Sequence[PurePosixPath]
) -> Iterable[tuple[PurePosixPath, str]]:
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == SIDECAR}
    for picture in pictures:
        if path := texts.get(picture.with_suffix("")):
            text = " ".join(tree.read(str(PurePosixPath(under) / path)).decode("utf-8-sig", errors="replace").split())
            if text:
                yield picture, text


def _rows(data: bytes, name: str, place: Path) -> list[tuple[str, str]]:
    text = data.decode("utf-8-sig", errors="replace")
    try:
        rows: list[Mapping[str, Any]] = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if name.endswith(".jsonl")
            else list(csv.DictReader(io.StringIO(text), strict=True))
        )
        column = next((each for each in _TEXTS if rows and each in rows[0]), _TEXTS[0])
        return [(str(PurePosixPath(row[_NAME])), " ".join(str(row[column] or "").split())) for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UsageError(
            f"{place}: {type(error).__name__} {error}: expected a row for each picture with its `{_NAME}` and its "
            f"`{_TEXTS[0]}` (or `{_TEXTS[1]}`)"
        ) from error
