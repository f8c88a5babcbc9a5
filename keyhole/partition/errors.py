"""What can go wrong when a model is cut."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from keyhole.service.errors import UsageError


class CutError(UsageError):
    """A cut that does not exist or cannot be made; the message says why and what can be done."""


def unknown_cut(model: str, cut: str, known: Iterable[str]) -> CutError:
    """The error for a name that is no point of the model; it lists the nearest names."""
    near = difflib.get_close_matches(cut, list(known), n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}; " if near else ""
    return CutError(f"{model} has no point {cut!r} to cut at ({hint}`keyhole cuts MODEL --all` lists every point)")
