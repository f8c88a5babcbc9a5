"""Classes and functions of a user's own, by name: ``package.module:Name``."""

from __future__ import annotations

import importlib
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
