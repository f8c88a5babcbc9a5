"""Answers that are remembered from one command to the next, so that a list of names loads no torch the second time.

They lie in ``$XDG_CACHE_HOME/keyhole`` (by default ``~/.cache/keyhole``), for each question of an installation one file
with all that the answer depends on: the versions of the packages that know it, and Keyhole's own files. Where one of
them has changed, the question is asked again and the new answer replaces the old one. Nothing is lost when the files
are removed.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "torchvision", "timm", "open_clip_torch", "transformers")
_OWN = Path(__file__).parent
_READ = ("*.py", "targets/*.py", "partition/**/*.py", "nn/*.py", "wire/*.py", "targets/weights/*/*.json")
"""Keyhole's files that an answer may come from."""


def remembered(make: str, terms: Mapping[str, Any]) -> dict[str, Any]:
    """What a function answers, or answered when nothing that it depends on was otherwise.

    Args:
        make: ``module:function``, loaded where it must be asked; from terms to a mapping that JSON can hold.
        terms: its arguments by name, as JSON can hold them.

    Raises:
        Exception: as the function; nothing is then remembered.
    """
    try:
        file = _folder() / f"{_digest(make, terms, str(_OWN), sys.executable)}.json"
    except RuntimeError:  # a user without a home, as in a container
        return ask(make, terms)
    state = _state()
    try:
        found = json.loads(file.read_text())
        if found["state"] == state and isinstance(found["answer"], dict):
            return found["answer"]
    except (OSError, ValueError, LookupError, TypeError):
        pass
    made = ask(make, terms)
    _keep(file, json.dumps({"state": state, "answer": made}))
    return made


def ask(make: str, terms: Mapping[str, Any]) -> dict[str, Any]:
    """What a function answers now, as JSON holds it. Arguments and errors are those of `remembered`."""
    module, _, name = make.partition(":")
    made: dict[str, Any] = json.loads(json.dumps(getattr(importlib.import_module(module), name)(**terms)))
    return made


def _keep(file: Path, text: str) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):  # a home that cannot be written to: the next command asks again
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        part.replace(file)


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keyhole"


def _state() -> str:
    """Digest of what answers depend on beside the question."""
    return _digest(sys.version, [(name, _version(name)) for name in _PACKAGES], list(_files()))


def _digest(*known: Any) -> str:
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _files() -> Iterator[tuple[str, int, int]]:
    """Keyhole's files, each with its length and when it was changed."""
    for path in sorted({path for pattern in _READ for path in _OWN.glob(pattern)}):
        about = path.stat()
        yield str(path), about.st_size, about.st_mtime_ns
