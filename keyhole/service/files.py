"""Folders that Keyhole writes to, each marked as one of its own, where nothing else is touched; and single files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from keyhole.service.errors import UsageError, check_flags

MARK = "keyhole.json"
LOCK = "lock"


@dataclass(frozen=True)
class FolderKind:
    """What a folder holds.

    Attributes:
        name: in one word.
        sign: a pattern of the files by which such a folder is known without a mark.
        written: patterns of the files that may be removed, part by part: ``logs/*.log``.
    """

    name: str
    sign: str
    written: tuple[str, ...] = ()


RUN = FolderKind(
    "run",
    "run.sqlite",
    (
        *("run.sqlite*", "summary.json*", "contact-sheet.png*", "report.html*"),
        *("pictures/*/*.png", "pictures/*/*.part", "blind/*.png", "blind/*.part", "logs/*.log", "logs/*.json*"),
        *("certs/*.crt", "certs/*.key", "certs/*/*.crt", "certs/*/*.key"),
    ),
)

BENCHMARK = FolderKind("benchmark", "bench.sqlite")
TRAINING = FolderKind("training", "card.json")
OFFLINE = FolderKind("attack", "*/run.json")
INVERSION = FolderKind("inversion", "*/inversion.json")

DRAWING = (".png", ".svg", ".pdf")
SHEET = (".png", ".jpg", ".jpeg", ".webp")
"""What the names of files may end with that are drawn by matplotlib, or are pictures."""


def check_folder(folder: Path, kind: FolderKind, *, replaced: bool = False) -> None:
    """Refuse a folder that holds something else; one that is empty or not there will do.

    Args:
        folder: where a command is to write.
        kind: what it will hold.
        replaced: what it holds is to be removed, so that the mark alone counts.

    Raises:
        UsageError: it holds something else.
    """
    marked = _marked(folder)
    if marked == kind.name or not _filled(folder):
        return
    if marked or replaced or not any(folder.glob(kind.sign)):
        holds = f"a {marked}" if marked else f"no {kind.name} that Keyhole marked as its own ({MARK})"
        raise UsageError(f"{folder} is not empty and holds {holds}: nothing in it is changed; give another folder")


def claim(folder: Path, kind: FolderKind) -> None:
    """Mark a folder as one of Keyhole's; it is made if it is not there, and gone on with if it is marked.

    Raises:
        UsageError: it holds something else.
    """
    check_folder(folder, kind)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps({"kind": kind.name}) + "\n")


@contextmanager
def alone(folder: Path, kind: FolderKind) -> Iterator[None]:
    """Claim a folder and hold it against other commands until the block ends, or the process however it ends.

    A new folder that nothing was written to goes again.

    Raises:
        UsageError: another process holds it, or it holds something else.
    """
    is_new = not folder.exists()
    claim(folder, kind)
    try:
        with FileLock(folder / LOCK, timeout=0):
            try:
                yield
            finally:
                if is_new:
                    _remove_unused(folder)
    except Timeout as error:
        raise UsageError(
            f"another keyhole command writes to {folder}: let it end, or name another folder with --out"
        ) from error


def clear(folder: Path, kind: FolderKind) -> None:
    """Remove what an earlier command wrote into a folder. Other files stay, and links are not followed.

    Raises:
        UsageError: it is not empty, and not marked as of that kind.
    """
    check_folder(folder, kind, replaced=True)
    patterns = [tuple(pattern.split("/")) for pattern in kind.written]
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        if any(len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern)) for pattern in patterns):
            path.unlink()
            _remove_emptied(path.parent, folder)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The name of a file to write in the block, which takes the place of ``path`` when the block ends well and goes
    when it does not: a reader sees the old file or the new one, whole.

    The name is of this writing alone: several that write the same file at the same time do not meet.
    """
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def check_file(flag: str, path: Path | None, suffixes: tuple[str, ...] = ()) -> None:
    """Refuse a file that could not be written in the end, before anything is computed for it.

    Args:
        flag: that names it.
        path: of the file; None: none is asked for.
        suffixes: one of them must end its name; none: any name will do.

    Raises:
        UsageError: it is a folder, or cannot be made where it is, or its name ends otherwise.
    """
    if path is None:
        return
    above = next(folder for folder in path.absolute().parents if folder.exists())
    check_flags(
        (
            (flag, path, not path.is_dir(), "a file, not a folder"),
            (
                flag,
                path,
                above.is_dir() and os.access(above, os.W_OK),
                f"a place that can be written, and {above} is none",
            ),
            (
                flag,
                path,
                not suffixes or path.suffix.lower() in suffixes,
                f"a name with {' or '.join(suffixes)} at its end",
            ),
        )
    )


def _remove_unused(folder: Path) -> None:
    """Remove a folder in which there is nothing but its mark and its lock."""
    held = list(folder.iterdir())
    if {path.name for path in held} <= {MARK, LOCK}:
        for path in held:
            path.unlink()
        folder.rmdir()


def _marked(folder: Path) -> str | None:
    try:
        found = json.loads((folder / MARK).read_text())
    except (OSError, ValueError):
        return None
    return str(found["kind"]) if isinstance(found, dict) and "kind" in found else None


def _filled(folder: Path) -> bool:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a folder")
    return folder.is_dir() and any(folder.iterdir())


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder, topdown=False, followlinks=False):
        yield from (Path(place) / name for name in names)


def _remove_emptied(place: Path, folder: Path) -> None:
    """Remove a folder and those above it, below ``folder``, as far as they are empty."""
    while place != folder and not any(place.iterdir()):
        place.rmdir()
        place = place.parent


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
