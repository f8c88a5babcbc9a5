"""What a run makes once for all of its attacks, kept in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from keyhole.nn.tensor_file import write_tensors
from keyhole.service.files import OFFLINE, claim, replacing

_FOLDER = "measures"


class Shelf:
    """Files that are named after what made them; without a folder nothing is kept.

    Args:
        out: folder of many runs.

    Raises:
        UsageError: the folder holds something else.
    """

    def __init__(self, out: Path | None) -> None:
        if out:
            claim(out, OFFLINE)
        self._folder = out / _FOLDER if out else None

    def tensors(self, name: str, facts: Mapping[str, object]) -> dict[str, Tensor]:
        """The tensors that were kept under a name and facts on their origin; empty where there are none."""
        path = self._path(name, facts, ".safetensors")
        return load_file(path) if path and path.is_file() else {}

    def keep_tensors(self, name: str, facts: Mapping[str, object], tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors by name, in the place of those of the same facts."""
        if path := self._path(name, facts, ".safetensors"):
            write_tensors(tensors, path)

    def text(self, name: str, facts: Mapping[str, object]) -> str | None:
        """The text that was kept under a name and facts on its origin."""
        path = self._path(name, facts, ".json")
        return path.read_text() if path and path.is_file() else None

    def keep_text(self, name: str, facts: Mapping[str, object], text: str) -> None:
        """Keep a text, in the place of that of the same facts."""
        if path := self._path(name, facts, ".json"):
            with replacing(path) as unfinished:
                unfinished.write_text(text)

    def _path(self, name: str, facts: Mapping[str, object], suffix: str) -> Path | None:
        if self._folder is None:
            return None
        self._folder.mkdir(exist_ok=True)
        text = json.dumps(facts, sort_keys=True, default=str)
        return self._folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}{suffix}"
