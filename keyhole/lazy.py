"""Names of a package that load their module when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazily(package: str, exports: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose names live in other modules.

    Flags and help texts then come without loading torch. A package imports the same names under ``TYPE_CHECKING`` so
    that they are typed.

    Args:
        package: the package's ``__name__``.
        exports: names by the module that holds them.
    """
    homes = {name: module for module, names in exports.items() for name in names}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return load
