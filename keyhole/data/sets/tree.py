"""Files in a folder or in a zip, read in any order and from any process."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from keyhole.data.decoding import MAX_BYTES, UnreadableError
from keyhole.service.errors import MissingError
from keyhole.service.files import MARK

_LITTER = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that Python undoes no further than it is asked to; it undoes a whole entry of the others at once."""


class Tree(Protocol):
    """A tree of files; paths are relative to it and written with ``/``."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, at any depth, relative to it, in no order.

        Hidden files and what systems leave in folders (``__MACOSX``, ``Thumbs.db``, …) are passed over.
        """

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            FileNotFoundError: there is none.
            UnreadableError: it is too large, damaged or no regular file.
        """

    def size(self, path: str) -> int:
        """Bytes of a file; 0 where there is none."""


@dataclass(frozen=True)
class Folder:
    """A `Tree` on disk.

    Attributes:
        root: the folder.
        max_bytes: the largest file that is read.
    """

    root: Path
    max_bytes: int = MAX_BYTES

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return (self.root / path).exists()

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, relative to it.

        A folder that links to one above it is not entered, nor one below that Keyhole wrote: it holds pictures again.
        """
        base = self.root / folder
        above = {base: frozenset({base.resolve()})}
        for parent, folders, names in os.walk(base, onerror=_refuse, followlinks=True):
            here, known = Path(parent), above.pop(Path(parent))
            inside = PurePosixPath(here.relative_to(base).as_posix())
            yield from (str(inside / name) for name in names if not _is_litter(name))
            entered = {
                name: (here / name).resolve()
                for name in folders
                if not _is_litter(name) and not (here / name / MARK).exists()
            }
            folders[:] = [name for name, place in entered.items() if place not in known]
            above |= {here / name: known | {entered[name]} for name in folders}

    def read(self, path: str) -> bytes:
        """A file's bytes; see `Tree`."""
        place = self.root / path
        try:
            found = place.stat()
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError("not a regular file")
            if found.st_size > self.max_bytes:
                raise _too_large(found.st_size, self.max_bytes)
            with place.open("rb") as file:
                return file.read(self.max_bytes)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error

    def size(self, path: str) -> int:
        """Bytes of a file."""
        place = self.root / path
        return place.stat().st_size if place.is_file() else 0


@dataclass(frozen=True)
class Archive:
    """A `Tree` in a zip. Each process opens the file for itself, so that none moves another's place in it.

    Attributes:
        path: the zip.
        max_bytes: the largest file that is read, by the size that the zip declares; no more than that is unpacked.
    """

    path: Path
    max_bytes: int = MAX_BYTES
    _opened: dict[int, zipfile.ZipFile] = field(default_factory=dict, repr=False, compare=False)

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return str(PurePosixPath(path)) in self._names

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, relative to it."""
        for path in map(PurePosixPath, self._entries):
            if path.is_relative_to(folder):
                inside = path.relative_to(folder)
                if not any(map(_is_litter, inside.parts)):
                    yield str(inside)

    def read(self, path: str) -> bytes:
        """A file's bytes; see `Tree`."""
        entry = self._entries.get(str(PurePosixPath(path)))
        if entry is None:
            raise MissingError(f"{self.path} holds no {path}")
        if entry.file_size > self.max_bytes:
            raise _too_large(entry.file_size, self.max_bytes)
        if entry.compress_type not in _BOUNDED:
            raise UnreadableError("packed by a method other than deflate: pack the zip again")
        try:
            with self._zip().open(entry) as file:
                return file.read(entry.file_size)
        except Exception as error:  # zipfile raises anything on damaged or encrypted entries
            raise UnreadableError(f"damaged in the zip: {error}") from error

    def size(self, path: str) -> int:
        """Bytes of a file."""
        entry = self._entries.get(str(PurePosixPath(path)))
        return entry.file_size if entry else 0

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        """Files by their paths; some programs write ``\\`` for ``/``."""
        named = ((entry.filename.replace("\\", "/"), entry) for entry in self._zip().infolist())
        return {str(PurePosixPath(name)): entry for name, entry in named if not name.endswith("/")}

    @cached_property
    def _names(self) -> frozenset[str]:
        names: set[PurePosixPath] = {PurePosixPath()}
        for path in map(PurePosixPath, self._entries):
            names |= {path, *path.parents}
        return frozenset(map(str, names))

    def _zip(self) -> zipfile.ZipFile:
        process = os.getpid()
        if process not in self._opened:
            try:
                self._opened[process] = zipfile.ZipFile(self.path)
            except zipfile.BadZipFile as error:
                raise UnreadableError(f"{self.path} is a damaged zip: {error}") from error
        return self._opened[process]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "max_bytes": self.max_bytes, "_opened": {}}


def tree_at(root: Path) -> Tree:
    """The folder or zip at ``root``; FileNotFoundError where there is neither."""
    if root.is_dir():
        return Folder(root)
    if zipfile.is_zipfile(root):
        return Archive(root)
    raise MissingError(f"no folder or zip at {root}")


def _refuse(error: OSError) -> None:
    raise UnreadableError(f"{error.filename}: {error.strerror}") from error


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _too_large(size: int, limit: int) -> UnreadableError:
    return UnreadableError(f"{size} bytes: at most {limit} are read")
