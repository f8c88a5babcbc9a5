"""Classes and functions of a user's own, by name: ``package.module:Name``; and what files call what is named so."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any


class ExtensionError(ValueError):
    """No package or no attribute of that name can be loaded."""


def load_extension(name: str) -> Any:
    """What ``package.module:Name`` names; the current folder is searched for the package too.

    >>> load_extension("math:floor")(2.5)
    2

    Raises:
        ExtensionError: no such package or attribute, or the name has another form. What the package itself raises
            while it is imported stays as it is, unless it is an `ImportError`.
    """
    path, _, attribute = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(path), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ExtensionError(f"{name!r} as package.module:Name: {error}") from error


def extension_hash(name: str) -> str:
    """Twelve hex digits that change with the source file of what ``package.module:Name`` names.

    Raises:
        ExtensionError: as `load_extension`.
    """
    found = load_extension(name)
    written = inspect.unwrap(found) if callable(found) else found
    if not (inspect.isclass(written) or inspect.isroutine(written)):
        written = sys.modules[name.partition(":")[0]]
    source = inspect.getsourcefile(written)
    return hashlib.sha256(Path(source).read_bytes() if source else b"").hexdigest()[:12]


LONGEST = 64
"""Characters of a label."""


def label(word: str) -> str:
    """The word in lower-case letters, digits and hyphens, 64 at most: the name that files and metrics carry.

    >>> label("diffusion-white/guided"), label("my_attacks.grey:Grey/fast")
    ('diffusion-white-guided', 'my-attacks-grey-grey-fast')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
    if len(plain) <= LONGEST:
        return plain
    mark = hashlib.sha256(word.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST - len(mark) - 1]}-{mark}"
