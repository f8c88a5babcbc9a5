"""Data sets as their owners distribute them: their files, and how these are opened."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from keyhole.data.decoding import SUFFIXES, UnreadableError, decode
from keyhole.data.sets.collection import ListedPicture, Listing, PictureFacts
from keyhole.data.sets.pools import POOLS, divide
from keyhole.data.sets.tree import Tree, tree_at
from keyhole.service.errors import MissingError, UsageError


@dataclass(frozen=True)
class Files:
    """Files of a data set, at paths relative to its top folder.

    Attributes:
        tree: where they are.
        root: path of the folder or zip, for messages.
        title: the set's name, for messages.
        advice: the layout and where the set is obtained, for messages.
        under: the top folder inside ``tree``.
    """

    tree: Tree
    root: Path
    title: str
    advice: str
    under: str = ""

    def inside(self, *folders: str) -> Files:
        """The same files relative to the first of ``folders`` that exists; unchanged where none does."""
        return next((replace(self, under=folder) for folder in folders if self.exists(folder)), self)

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return self.tree.exists(self._whole(path))

    def need(self, *paths: str) -> None:
        """Raise FileNotFoundError for the first of ``paths`` that does not exist."""
        for path in paths:
            if not self.exists(path):
                raise self.missing(path)

    def first(self, *paths: str) -> str:
        """The first of ``paths`` that exists; FileNotFoundError names the first one where none does."""
        return self.some(*paths)[0]

    def some(self, *paths: str) -> list[str]:
        """All of ``paths`` that exist; FileNotFoundError names the first one where none does."""
        found = [path for path in paths if self.exists(path)]
        if not found:
            raise self.missing(paths[0])
        return found

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        try:
            return self.tree.read(self._whole(path))
        except FileNotFoundError as error:
            raise self.missing(path) from error
        except UnreadableError as error:
            raise self.unreadable(path, error) from error

    def size(self, path: str) -> int:
        """Bytes of a file; 0 where there is none."""
        return self.tree.size(self._whole(path))

    def parsed(self, path: str, parse: Callable[[io.BytesIO], Any]) -> Any:
        """A file as a library's ``parse`` reads it; whatever that raises becomes `damaged`."""
        data = self.read(path)
        try:
            return parse(io.BytesIO(data))
        except Exception as error:
            raise self.damaged(path, f"{type(error).__name__}: {error}") from error

    def lines(self, path: str) -> list[str]:
        """The lines of a text file that are not blank; `damaged` where there are none."""
        text = self.read(path).decode("utf-8-sig", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            raise self.damaged(path, "it is empty")
        return lines

    def pairs(self, path: str) -> dict[str, str]:
        """The lines of a text file, each as its first word and the rest."""
        rows = [line.split(maxsplit=1) for line in self.lines(path)]
        if any(len(row) != 2 for row in rows):
            raise self.damaged(path, "expected two words in every line")
        return dict(rows)

    def pictures(self, folder: str) -> list[PurePosixPath]:
        """Sorted paths of the pictures under ``folder``, relative to it; FileNotFoundError where there are none."""
        self.need(folder)
        found = sorted(map(PurePosixPath, self.tree.files(self._whole(folder))))
        pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
        if not pictures:
            raise self.missing(str(PurePosixPath(folder) / "*.jpg"))
        return pictures

    def picture(self, path: str) -> FilePicture:
        """A reader of the picture at ``path``, which can be sent to worker processes."""
        return FilePicture(self, path)

    def listed(self, path: str, split: str, facts: PictureFacts, name: str = "") -> ListedPicture:
        """The picture at ``path`` with what is known of it; without a ``name`` of its own the path is its name."""
        return ListedPicture(name or path, split, self.picture(path), facts)

    def missing(self, path: str) -> MissingError:
        """The error for a file that is not there."""
        return MissingError(f"{self.title}: {self.root / self.under / path} is missing. {self.advice}")

    def damaged(self, path: str, fault: str) -> UsageError:
        """The error for a file that does not hold what it should."""
        return UsageError(f"{self.title}: {self.root / self.under / path}: {fault}. {self.advice}")

    def unreadable(self, path: str, fault: UnreadableError) -> UnreadableError:
        """The error for a file that is there and cannot be read."""
        return UnreadableError(f"{self.root / self.under / path}: {fault}")

    def _whole(self, path: str) -> str:
        return str(PurePosixPath(self.under) / path)


@dataclass(frozen=True)
class FilePicture:
    """A reader of one picture.

    Attributes:
        files: the data set's files.
        path: of the picture among them.
    """

    files: Files
    path: str

    @property
    def place(self) -> Path:
        """The file; inside of a zip, the zip's path and the path in it."""
        return self.files.root / self.files.under / self.path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.files.size(self.path)

    def __call__(self) -> Tensor:
        """RGB uint8 3×H×W.

        Raises:
            MissingError: the file is not there.
            UnreadableError: it cannot be read; the message names it.
        """
        data = self.files.read(self.path)
        try:
            return decode(data)
        except UnreadableError as error:
            raise self.files.unreadable(self.path, error) from error


@dataclass(frozen=True)
class DataSetLayout:
    """A data set as its owner distributes it.

    Attributes:
        title: its name.
        task: what it was made for.
        tree: its files, in one line.
        owner: where it is obtained.
        splits: as the owner divides it.
        read: lists the pictures of all splits, given the files; its errors name those that are missing.
        people_of: name of the set whose identities it has, divided otherwise; empty: its own.
    """

    title: str
    task: str
    tree: str
    owner: str
    splits: tuple[str, ...]
    read: Callable[[Files], Listing]
    people_of: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that can be opened: pools and the owner's splits."""
        return (*POOLS, *self.splits)

    def open(self, root: Path, part: str) -> Listing:
        """The pictures of a pool (see `keyhole.data.sets.pools.divide`) or of one of the owner's splits.

        Args:
            root: folder or zip that holds the files as ``tree`` says.
            part: one of `parts`; ``private/`` with a slash is a split of that name, whole; without it, the pool.

        Raises:
            ValueError: no such part, or a damaged file.
            FileNotFoundError: a file is missing, or the part has no pictures; the message says where to get them.
        """
        whole = part.removesuffix("/")
        if part not in self.parts and (whole == part or whole not in self.splits):
            raise UsageError(f"{self.title} has no part {part!r}: expected one of {', '.join(self.parts)}")
        advice = f"The layout is {self.tree}; the set comes from {self.owner}"
        try:
            tree = tree_at(root)
        except FileNotFoundError as error:
            raise MissingError(f"{self.title}: {error}. {advice}") from error
        listing = self.read(Files(tree, root, self.title, advice))
        pool = next((known for known in POOLS if known == part), None)
        chosen = (
            divide(listing.entries, pool) if pool else tuple(entry for entry in listing.entries if entry.split == whole)
        )
        if not chosen:
            raise MissingError(f"{self.title}: no pictures of {part!r} at {root}. {advice}")
        return Listing(chosen, listing.classes)
