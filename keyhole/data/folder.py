"""Labelled pictures in a folder or a zip: one subfolder per class, as torchvision's ``ImageFolder`` lays them out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.data.sample import Sample, eight_bit
from keyhole.service.errors import MissingError

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
        if not self.root.is_dir() and not zipfile.is_zipfile(self.root):
            raise MissingError(f"no folder or zip of pictures at {self.root}")

    def exists(self) -> bool:
        """Whether there is anything under ``under``."""
        if self.root.is_dir():
            return (self.root / self.under).is_dir()
        with zipfile.ZipFile(self.root) as archive:
            return any(PurePosixPath(name).is_relative_to(self.under) for name in archive.namelist())

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
            raise MissingError(f"no pictures ({', '.join(sorted(SUFFIXES))}) under {self.root}/{self.under}")
        return found

    @contextmanager
    def reader(self) -> Iterator[Callable[[PurePosixPath], Tensor]]:
        """A function from a path (as `paths` gives it) to RGB uint8 3×H×W, valid within the context."""
        if self.root.is_dir():
            yield lambda path: decode((self.root / self.under / path).read_bytes())
        else:
            with zipfile.ZipFile(self.root) as archive:
                yield lambda path: decode(archive.read(str(PurePosixPath(self.under) / path)))

    def __iter__(self) -> Iterator[tuple[PurePosixPath, Tensor]]:
        """Yield (path, RGB uint8 3×H×W) for every picture once."""
        with self.reader() as read:
            for path in self.paths():
                yield path, read(path)


@dataclass(frozen=True)
class Pictures:
    """An endless stream of a folder's pictures in a seeded order; a picture's folder is its label.

    Attributes:
        folder: where they are.
        size: side to which they are fitted, in pixels.
        seed: of the order, which is another in every round.
        every: (first, step): the share of the sorted paths that belongs to this stream.
    """

    folder: PictureFolder
    size: int
    seed: int = 0
    every: tuple[int, int] = (0, 1)

    def __iter__(self) -> Iterator[Sample]:
        first, step = self.every
        paths = self.folder.paths()[first::step]
        if not paths:
            raise MissingError(f"{self.folder.root} holds too few pictures to make two pools of them")
        generator = torch.Generator().manual_seed(self.seed)
        with self.folder.reader() as read:
            while True:
                for position in torch.randperm(len(paths), generator=generator).tolist():
                    path = paths[position]
                    label = path.parent.name if len(path.parts) > 1 else None
                    yield Sample(fit(read(path), self.size), label)


def fit(picture: Tensor, size: int) -> Tensor:
    """A uint8 picture 3×H×W, shorter side to ``size``, centre-cropped: RGB in [0, 1], every value n/255."""
    resized = transform.resize(picture, [size], antialias=True)
    return eight_bit(transform.center_crop(resized, [size, size]))


def classes(paths: list[PurePosixPath]) -> tuple[str, ...]:
    """Sorted names of the folders that directly hold pictures."""
    return tuple(sorted({path.parent.name for path in paths}))


def decode(data: bytes) -> Tensor:
    """An encoded picture (JPEG, PNG, …) as RGB uint8 3×H×W."""
    with Image.open(io.BytesIO(data)) as picture:
        return torch.as_tensor(transform.pil_to_tensor(picture.convert("RGB")))
