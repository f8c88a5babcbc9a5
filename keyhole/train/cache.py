"""What takes longer to make than to read, kept in files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from keyhole.data import streetcam
from keyhole.data.sets.collection import Collection
from keyhole.data.streetcam.stream import Passes
from keyhole.sizes import Size


def cached(collection: Collection, size: Size, folder: Path, make: Callable[[], Tensor]) -> Tensor:
    """The pictures that ``make`` gives, from a file in ``folder`` where they were made before.

    Only drawn collections are kept: those on disk are read again, since they may have changed.

    Args:
        collection: what the pictures are.
        size: that they are fitted to, in pixels.
        folder: where the file is; it is made where it is missing.
        make: gives uint8 N×3×H×W.
    """
    if not isinstance(collection, Passes):
        return make()
    path = folder / f"pictures-{key(collection, size)}.npy"
    if path.is_file():
        return torch.from_numpy(np.load(path))
    pictures = make()
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, pictures.numpy())
    partial.replace(path)
    return pictures


def kept(path: Path, about: Mapping[str, str], make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that ``make`` gives, from a file where they are in it already.

    Args:
        path: a safetensors file; its folder is made where it is missing.
        about: what they were made of; a file with other facts is made anew.
        make: gives contiguous tensors by name.
    """
    if path.is_file():
        with safe_open(str(path), "pt") as file:
            if file.metadata() == about:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors = dict(make())
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, str(partial), metadata=dict(about))
    partial.replace(path)
    return tensors


def key(collection: Passes, size: Size) -> str:
    """16 hexadecimal digits that change with what is drawn: pool, vehicles, views, seeds, sizes, the drawing's code."""
    digest = hashlib.sha256(f"{collection!r} {size}".encode())
    for path in sorted(Path(streetcam.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
