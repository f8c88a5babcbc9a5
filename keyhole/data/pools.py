"""Which share of a folder or zip of pictures belongs to a pool."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from keyhole.data.folder import PictureFolder

Pool = Literal["public", "audit"]
POOLS: tuple[Pool, ...] = get_args(Pool)

_FOLDERS: dict[Pool, tuple[str, ...]] = {
    "public": ("public", "train"),
    "audit": ("audit", "private", "val", "test"),
}


def share(root: Path, pool: Pool) -> tuple[PictureFolder, tuple[int, int]]:
    """The pictures of a pool: a folder that is named as the pool is, else every other picture.

    Args:
        root: folder or zip.
        pool: whose pictures.

    Returns:
        The folder, and (first, step): the share of its sorted paths that is the pool's.

    Raises:
        FileNotFoundError: no folder or zip at ``root``.
    """
    for under in _FOLDERS[pool]:
        folder = PictureFolder(root, under)
        if folder.exists():
            return folder, (0, 1)
    return PictureFolder(root), (("audit", "public").index(pool), 2)
