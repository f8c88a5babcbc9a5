"""Labelled pictures in a folder or a zip: one subfolder per class, as torchvision's ``ImageFolder`` lays them out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True)
class PictureFolder:
    """Pictures under ``root`` (a folder or a zip file), in the order of their sorted paths.

    Attributes:
        root: folder or ``.zip``.
        under: path inside it; pictures elsewhere are left out.
    """

    root: Path
    under: str = ""

    def __post_init__(self) -> None:
        if not self.root.exists():
            raise FileNotFoundError(f"no folder or zip of pictures at {self.root}")

    def paths(self) -> list[PurePosixPath]:
        """Sorted paths of all pictures, relative to ``under``."""
        if self.root.is_dir():
            base = self.root / self.under
            names = [PurePosixPath(path.relative_to(base).as_posix()) for path in base.rglob("*") if path.is_file()]
        else:
            with zipfile.ZipFile(self.root) as archive:
                inside = [PurePosixPath(name) for name in archive.namelist()]
            names = [name.relative_to(self.under) for name in inside if name.is_relative_to(self.under)]
        found = sorted(name for name in names if name.suffix.lower() in SUFFIXES)
        if not found:
            raise FileNotFoundError(f"no pictures ({', '.join(sorted(SUFFIXES))}) under {self.root}/{self.under}")
        return found

    def __iter__(self) -> Iterator[tuple[PurePosixPath, Tensor]]:
        """Yield (path, RGB uint8 3×H×W) for every picture."""
        names = self.paths()
        if self.root.is_dir():
            for name in names:
                yield name, _decode((self.root / self.under / name).read_bytes())
        else:
            with zipfile.ZipFile(self.root) as archive:
                for name in names:
                    yield name, _decode(archive.read(str(PurePosixPath(self.under) / name)))


def classes(paths: list[PurePosixPath]) -> tuple[str, ...]:
    """Sorted names of the folders that directly hold pictures."""
    return tuple(sorted({path.parent.name for path in paths}))


def _decode(data: bytes) -> Tensor:
    with Image.open(io.BytesIO(data)) as picture:
        return torch.as_tensor(transform.pil_to_tensor(picture.convert("RGB")))
