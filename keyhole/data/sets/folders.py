"""A plain folder or zip of pictures as a finite set."""

from __future__ import annotations

from pathlib import Path

from keyhole.data.folder import PictureFolder, classes
from keyhole.data.pools import POOLS, share
from keyhole.data.sets.files import Files
from keyhole.data.sets.listing import Entry, Listing
from keyhole.data.sets.record import Facts
from keyhole.data.sets.tree import tree_at
from keyhole.service.errors import MissingError


def list_folder(root: Path, part: str) -> Listing:
    """The pictures of the folder ``part`` of ``root``; else, of the pool of that name, as `open_source` divides it.

    The folder that a picture is in gives both its label and its identity, because only the user knows which it is.

    Args:
        root: folder or zip.
        part: a folder in it (``train``, ``private``, …), ``public`` or ``audit``; empty: all pictures.

    Raises:
        FileNotFoundError: no folder or zip, no such part, or no pictures in it.
    """
    folder, (first, step) = _part(root, part)
    found = folder.paths()
    names = tuple(name for name in classes(found) if name)
    index = {name: number for number, name in enumerate(names)}
    files = Files(tree_at(root), root, "pictures", "Expected a folder or zip of pictures", folder.under)
    entries = []
    for path in found[first::step]:
        name = path.parent.name
        facts = Facts(label=index[name], identity=name) if name else Facts()
        entries.append(Entry(str(path), part, files.picture(str(path)), facts))
    return Listing(tuple(entries), names)


def _part(root: Path, part: str) -> tuple[PictureFolder, tuple[int, int]]:
    folder = PictureFolder(root, part)
    if folder.exists():
        return folder, (0, 1)
    for pool in POOLS:
        if pool == part:
            return share(root, pool)
    raise MissingError(f"no folder {part!r} in {root}; any folder or zip has the pools {' and '.join(POOLS)}")
