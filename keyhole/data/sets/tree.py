"""Files in a folder or in a zip, read in any order and from any process."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from keyhole.service.errors import MissingError


class Tree(Protocol):
    """A tree of files; paths are relative to it and written with ``/``."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, at any depth, relative to it, in no order."""

    def read(self, path: str) -> bytes:
        """A file's bytes; FileNotFoundError where there is none."""


@dataclass(frozen=True)
class Folder:
    """A `Tree` on disk."""

    root: Path

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return (self.root / path).exists()

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, relative to it."""
        base = self.root / folder
        for parent, _, names in os.walk(base, followlinks=True):
            inside = PurePosixPath(Path(parent).relative_to(base).as_posix())
            yield from (str(inside / name) for name in names)

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return (self.root / path).read_bytes()


@dataclass(frozen=True)
class Archive:
    """A `Tree` in a zip. Each process opens the file for itself, so that none moves another's place in it."""

    path: Path
    _opened: dict[int, zipfile.ZipFile] = field(default_factory=dict, repr=False, compare=False)

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return str(PurePosixPath(path)) in self._names

    def files(self, folder: str) -> Iterator[str]:
        """Paths of all files under ``folder``, relative to it."""
        for entry in self._zip().infolist():
            path = PurePosixPath(entry.filename)
            if not entry.is_dir() and path.is_relative_to(folder):
                yield str(path.relative_to(folder))

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        try:
            return self._zip().read(str(PurePosixPath(path)))
        except KeyError as error:
            raise MissingError(f"{self.path} holds no {path}") from error

    @cached_property
    def _names(self) -> frozenset[str]:
        names: set[PurePosixPath] = {PurePosixPath()}
        for name in self._zip().namelist():
            names |= {PurePosixPath(name), *PurePosixPath(name).parents}
        return frozenset(map(str, names))

    def _zip(self) -> zipfile.ZipFile:
        process = os.getpid()
        if process not in self._opened:
            self._opened[process] = zipfile.ZipFile(self.path)
        return self._opened[process]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": {}}


def tree_at(root: Path) -> Tree:
    """The folder or zip at ``root``; FileNotFoundError where there is neither."""
    if root.is_dir():
        return Folder(root)
    if zipfile.is_zipfile(root):
        return Archive(root)
    raise MissingError(f"no folder or zip at {root}")
