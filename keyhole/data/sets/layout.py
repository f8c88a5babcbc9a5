"""What there is to know of a data set before its files are at hand, and how its files are opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keyhole.data.sets.division import POOLS, divide
from keyhole.data.sets.files import Files
from keyhole.data.sets.listing import Listing
from keyhole.data.sets.tree import tree_at
from keyhole.service.errors import MissingError, UsageError


@dataclass(frozen=True)
class Layout:
    """A data set as its owner distributes it.

    Attributes:
        title: its name.
        task: what it was made for.
        tree: its files, in one line.
        owner: where it is obtained.
        splits: as the owner divides it.
        read: lists the pictures of all splits; files at hand come in, and errors name those that are not.
    """

    title: str
    task: str
    tree: str
    owner: str
    splits: tuple[str, ...]
    read: Callable[[Files], Listing]

    @property
    def parts(self) -> tuple[str, ...]:
        """What can be opened: pools and the owner's splits."""
        return (*POOLS, *self.splits)

    def open(self, root: Path, part: str) -> Listing:
        """The pictures of a pool (see `keyhole.data.sets.division.divide`) or of one of the owner's splits.

        Args:
            root: folder or zip that holds the files as ``tree`` says.
            part: one of `parts`.

        Raises:
            ValueError: no such part, or a damaged file.
            FileNotFoundError: a file is missing, or the part has no pictures; the message says where to get them.
        """
        if part not in self.parts:
            raise UsageError(f"{self.title} has no part {part!r}: expected one of {', '.join(self.parts)}")
        advice = f"The layout is {self.tree}; the set comes from {self.owner}"
        try:
            tree = tree_at(root)
        except FileNotFoundError as error:
            raise MissingError(f"{self.title}: {error}. {advice}") from error
        listing = self.read(Files(tree, root, self.title, advice))
        pool = next((known for known in POOLS if known == part), None)
        chosen = (
            divide(listing.entries, pool) if pool else tuple(entry for entry in listing.entries if entry.split == part)
        )
        if not chosen:
            raise MissingError(f"{self.title}: no pictures of {part!r} at {root}. {advice}")
        return Listing(chosen, listing.classes)
